"""docs/how-to/your-own-project.md, edit by edit: a fresh project with Celery's own set-up becomes an audited one."""

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from taskqueue_project.localstack import ports
from taskqueue_project.localstack.redis import EmbeddedRedis
from tests.support import recipes
from tests.support.client import Client
from tests.support.process import ROOT, Process
from tests.support.waiting import until

PAGE = ROOT / "docs" / "how-to" / "your-own-project.md"
APPENDED_TO = ("mysite/settings.py", "mysite/urls.py")
COMMAND_SECONDS = 60
# A Celery user's project: an app with a shared task, another that fails, a schedule.
TASKS = """
from celery import shared_task

@shared_task
def greet(name):
    return f"Hello, {name}!"

@shared_task
def stumble():
    raise ValueError("this one never works")
"""
SETTINGS = """
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS += ["shop"]
STATIC_ROOT = BASE_DIR / "static"
TEMPLATES[0]["DIRS"] = [BASE_DIR / "templates"]
CELERY_BEAT_SCHEDULE = {"hello": {"task": "shop.tasks.greet", "schedule": 1.0, "args": ["beat"]}}
"""
SUBMIT = """
from django.db import transaction
from shop.tasks import greet, stumble
with transaction.atomic():
    print(greet.delay("Ada").id)
print(stumble.delay().id)
"""


class Project:
    """Somebody else's project: neither the checkout nor its virtualenv's working directory is on its path."""

    def __init__(self, directory: Path, *, packages: Path, redis_url: str) -> None:
        self.directory = directory
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": os.environ["HOME"],
            "PYTHONPATH": f"{packages}:{directory}",
            "REDIS_URL": redis_url.removesuffix("/0"),
        }
        self.processes: list[Process] = []

    def run(self, command: str) -> str:
        words = shlex.split(command)
        done = subprocess.run(
            words,
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, command: str) -> Process:
        name = command.replace("/", "-")[:60]
        process = Process(
            name,
            shlex.split(command),
            environment=self.environment,
            log=self.directory / f"{len(self.processes)}.log",
            directory=self.directory,
        )
        self.processes.append(process)
        return process

    def write(self, name: str, text: str) -> None:
        file = self.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file.read_text(encoding="utf-8") + text if name in APPENDED_TO else text, encoding="utf-8")

    def states(self) -> dict[str, list[str]]:
        """Of the jobs of each task, from the project's database."""
        found: dict[str, list[str]] = {}
        with closing(sqlite3.connect(self.directory / "db.sqlite3", timeout=20)) as database:
            for task, state in database.execute("SELECT task, state FROM jobs_job ORDER BY id"):
                found.setdefault(task, []).append(state)
        return found


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def project(tmp_path: Path, redis_url: str) -> Iterator[Project]:
    packages = tmp_path / "packages"
    built = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run([*built, str(ROOT)], check=True, timeout=COMMAND_SECONDS, cwd=tmp_path, capture_output=True)
    zipfile.ZipFile(next(tmp_path.glob("tally-*.whl"))).extractall(packages)
    directory = tmp_path / "work"
    directory.mkdir()
    made = Project(directory, packages=packages, redis_url=redis_url)
    made.run("django-admin startproject mysite .")
    made.run("python manage.py startapp shop")
    made.write("shop/tasks.py", TASKS)
    made.write("mysite/settings.py", SETTINGS)
    yield made
    for process in made.processes:
        process.signal(signal.SIGTERM)
    for process in made.processes:
        process.stop()


def is_done(states: dict[str, list[str]]) -> bool:
    greetings = states.get("shop.tasks.greet", [])
    return greetings.count("succeeded") >= 2 and states.get("shop.tasks.stumble") == ["dead"]


@pytest.mark.timeout(180)
def test_the_documented_edits_make_a_fresh_project_an_audited_one(project: Project) -> None:
    told = recipes.blocks(PAGE)
    for block in told:
        if block.file:
            project.write(block.file, "\n" + block.text)
    errands, services = (b.commands for b in told if b.language == "sh" and "pip install" not in b.text)
    for command in errands:
        project.run(command)
    port = ports.find_free()
    for command in services:
        project.start(command.replace("daphne ", f"daphne -p {port} "))

    greeting, stumbling = project.run(f"python manage.py shell -v 0 -c {shlex.quote(SUBMIT)}").split()
    until(lambda: is_done(project.states()), seconds=60, what="both tasks to end, and a job of the schedule")
    assert json.loads(project.run(f"python manage.py job {greeting} --json"))["result"] == "Hello, Ada!"
    assert "this one never works" in project.run(f"python manage.py job {stumbling}")
    project.run("python manage.py verify")
    web = Client(port)
    assert web.get("/tally/api/workers/health").status == 401
    assert web.get("/tally/login/").status == 200
