"""A rolling restart: every process is stopped with SIGTERM in turn, and nobody outside notices."""

# Shows guarantee 1 of docs/guarantees.md.

import itertools
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.conftest import STACKS
from tests.support.client import Client
from tests.support.process import Process
from tests.support.stack import Stack
from tests.support.waiting import until

CLIENTS = 3
PAUSE_SECONDS = 0.1
STOP_SECONDS = 20
TOKEN = """
from django.contrib.auth.models import User
from jobs.control import tokens
from jobs.domain.actors import CODE
print(tokens.issue(User.objects.create_superuser("ada"), actor=CODE).secret)
"""
TASKS = itertools.cycle(["noop", "process_data", "send_email", "generate_report"])
PAYLOADS = {
    "noop": {},
    "process_data": {"dataset": "d", "rows": 1},
    "send_email": {"to": "a@b.c", "subject": "s", "body": "b"},
    "generate_report": {"report_type": "r", "user_id": "7", "date_range": "d"},
}


COMMANDS = {
    "web": ["-m", "taskqueue_project.server", "--fd"],
    "worker": [
        "-m",
        "celery",
        "-A",
        "taskqueue_project",
        "worker",
        "-Q",
        "high,default,low",
        "-c",
        "2",
        "-l",
        "INFO",
        "-n",
    ],
    "keeper": ["manage.py", "keeper"],
    "beat": ["-m", "celery", "-A", "taskqueue_project", "beat", "-l", "INFO"],
}
READY = {"web": "web ready", "worker": " ready.", "keeper": "keeper ready", "beat": "beat: Starting"}


class Fleet(Stack):
    """Two of everything that may be two. The web servers share a listening socket that outlives them both."""

    def __init__(self, directory: Path, *, template: str) -> None:
        super().__init__(directory, template=template)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._exit.callback(self._listening.close)
        self.port = int(self._listening.getsockname()[1])
        self._lives = itertools.count(1)

    def begin(self, role: str) -> str:
        """Start one more; its name."""
        name, fd = f"{role}-{next(self._lives)}", self._listening.fileno()
        own = {"web": [str(fd)], "worker": [f"{name}@%h"]}.get(role, [])
        self.processes[name] = Process(
            name,
            [sys.executable, *COMMANDS[role], *own],
            environment=self.environment,
            log=self.directory / f"{name}.log",
            pass_fds=[fd] if role == "web" else [],
        )
        return name

    def wait_until_ready(self, name: str) -> None:
        self.processes[name].wait_for_output(READY[name.partition("-")[0]], seconds=120)

    def replace(self, name: str) -> int:
        """As a supervisor does it: stop, wait, start again; the exit code. Only of the web servers one has to be there."""
        process = self.processes.pop(name)
        process.signal(signal.SIGTERM)
        code = process.wait(seconds=STOP_SECONDS)
        role = name.partition("-")[0]
        successor = self.begin(role)
        if role == "web":
            self.wait_until_ready(successor)
        return code

    def restart_all(self) -> dict[str, int]:
        """One by one; exit codes by name."""
        codes = {name: self.replace(name) for name in list(self.processes)}
        for name in self.processes:
            self.wait_until_ready(name)
        return codes


class Load:
    """Clients that submit and look, a new connection for each request, and keep every answer that was not as it should be."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._over = threading.Event()
        self.accepted: list[str] = []
        self.failures: Counter[str] = Counter()
        self.requests = 0

    def __enter__(self) -> "Load":
        self._threads = ThreadPoolExecutor(CLIENTS)
        self._running = [self._threads.submit(self._ask_on) for _ in range(CLIENTS)]
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._threads.shutdown()
        for running in self._running:
            running.result()

    def _ask_on(self) -> None:
        while not self._over.wait(PAUSE_SECONDS):
            self.requests += 1
            try:
                self._ask()
            except (OSError, HTTPException) as error:
                self.failures[f"{type(error).__name__}: {error}"] += 1

    def _ask(self) -> None:
        task = next(TASKS)
        answer = self._client.post("/api/tasks/submit", {"task_type": task, "payload": PAYLOADS[task]})
        if answer.status == 202:
            self.accepted.append(answer.json()["task_id"])
            answer = self._client.get(f"/api/tasks/{self.accepted[-1]}")
        if answer.status not in {200, 202}:
            self.failures[f"{answer.status}: {answer.text}"] += 1


@pytest.fixture
def fleet(request: pytest.FixtureRequest, tmp_path: Path, migrated_database: str) -> Iterator[Fleet]:
    with Fleet(tmp_path, template=migrated_database) as fleet:
        request.node.stash[STACKS] = [fleet]
        for name in [fleet.begin(role) for role in ("web", "web", "worker", "worker", "keeper", "keeper", "beat")]:
            fleet.wait_until_ready(name)
        yield fleet


def assert_nobody_noticed(fleet: Fleet, *, rounds: int) -> None:
    token = fleet.run_python(TOKEN).strip()
    with Load(Client(fleet.port).with_token(token)) as load:
        until(lambda: len(load.accepted) > CLIENTS, seconds=30, what="the first submissions")
        for _ in range(rounds):
            codes = fleet.restart_all()
            assert {code for name, code in codes.items() if not name.startswith("worker")} == {0}
        so_far = len(load.accepted)
        until(lambda: len(load.accepted) > so_far + CLIENTS, seconds=30, what="submissions after the last restart")
    assert load.failures == {}
    assert fleet.manage("verify", seconds=120).returncode == 0
    assert fleet.evaluate("Job.objects.filter(losses__gt=0).count()") == 0, "a restart is nobody's crash"


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_rolling_restart_under_load_fails_no_request_and_loses_no_job(fleet: Fleet) -> None:
    assert_nobody_noticed(fleet, rounds=1)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_many_rolling_restarts_in_a_row_fail_no_request_and_lose_no_job(fleet: Fleet) -> None:
    assert_nobody_noticed(fleet, rounds=5)
