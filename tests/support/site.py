"""Tally on several hosts: Redis, PostgreSQL, web, keeper and two workers, each on a machine of its own in a `Lan`."""

import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from tests.support import environment
from tests.support.console import Console
from tests.support.lan import Lan
from tests.support.process import Process
from tests.support.waiting import until

WEB_PORT = 8000
READY_SECONDS = 120
WORKER = [
    "-m",
    "celery",
    "-A",
    "taskqueue_project",
    "worker",
    "-Q",
    "high,default,low",
    "-c",
    "4",
    "--without-gossip",
    "--without-mingle",
]
TOKEN = """
from django.contrib.auth.models import User
from jobs.control import tokens
from jobs.domain.actors import CODE
print(tokens.issue(User.objects.create_superuser("ada"), actor=CODE).secret)
"""


class Site:
    """`with Site(…) as site` starts all of it. What the test asks, it asks from a host of its own, the desk."""

    def __init__(self, directory: Path, *, conf: Mapping[str, Any]) -> None:
        self.directory = directory
        self.lan = Lan()
        self.processes: dict[str, Process] = {}
        self._conf = conf
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._exit.enter_context(self.lan)
            self._exit.callback(self._stop_all)
            self._start_all()
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._exit.close()

    def _start_all(self) -> None:
        hosts = ("redis", "postgres", "web", "keeper", "worker-a", "worker-b", "desk")
        addresses = {host: self.lan.join(host) for host in hosts}
        self.environment = environment.without_ours()
        urls = {kind: self._serve(kind, addresses[kind]) for kind in ("redis", "postgres")}
        self.environment |= environment.of(
            database_url=urls["postgres"], redis_url=urls["redis"], data=self.directory
        ) | {
            "ALLOWED_HOSTS": addresses["web"],
            "DJANGO_SETTINGS_MODULE": "tests.support.settings",
            "TALLY_TEST_TASKQUEUE": json.dumps(self._conf),
        }
        assert self.start("migrate", "desk", "manage.py", "migrate", "-v", "0").wait(seconds=READY_SECONDS) == 0
        for name in ("worker-a", "worker-b"):
            self.start(name, name, *WORKER, "-l", "INFO", "-n", f"{name}@%h")
        self.start("keeper", "keeper", "manage.py", "keeper")
        self.start("web", "web", "-m", "taskqueue_project.server", "-b", addresses["web"], "-p", str(WEB_PORT))
        self._console = Console(self.environment, prefix=self.lan.on("desk"))
        self._exit.callback(self._console.close)
        token = self._console.run(TOKEN).strip()
        self._client = f"Client({WEB_PORT}, host={addresses['web']!r}).with_token({token!r})"
        for name, line in {
            "keeper": "keeper ready",
            "worker-a": " ready.",
            "worker-b": " ready.",
            "web": "web ready",
        }.items():
            self.processes[name].wait_for_output(line, seconds=READY_SECONDS)

    def _serve(self, kind: str, address: str) -> str:
        server = self.start(kind, kind, "-m", "tests.support.lan_server", kind, str(self.directory / kind), address)
        server.wait_for_output("serving ", seconds=READY_SECONDS)
        return server.output().split("serving ")[1].split()[0]

    def start(self, name: str, host: str, *command: str) -> Process:
        process = Process(
            name,
            [*self.lan.on(host), sys.executable, *command],
            environment=self.environment,
            log=self.directory / f"{name}.log",
        )
        self.processes[name] = process
        return process

    def _stop_all(self) -> None:
        """The servers last, and in order: PostgreSQL clears away what it wrote."""
        servers = [self.processes.pop(kind) for kind in ("redis", "postgres") if kind in self.processes]
        for process in self.processes.values():
            process.kill_group()
        for server in servers:
            server.stop()

    def call(self, code: str, **values: Any) -> Any:
        """Run code at the desk with these values in sight; what it leaves in `answer`, by way of JSON."""
        given = [f"{name} = json.loads({json.dumps(json.dumps(value))})" for name, value in values.items()]
        prelude = "import json\nfrom jobs.models import *\nfrom tests.support.client import Client"
        lines = [prelude, f"client = {self._client}", *given, code, "print(json.dumps(answer, default=str))"]
        return json.loads(self._console.run("\n".join(lines)).splitlines()[-1])

    def submit(self, task: str, count: int, **payload: Any) -> list[str]:
        """Over HTTP, one request each; the ids of the jobs."""
        code = """
answers = [client.post("/api/tasks/submit", {"task_type": task, "payload": payload}) for _ in range(count)]
assert all(a.status == 202 for a in answers), [a.text for a in answers]
answer = [a.json()["task_id"] for a in answers]
"""
        return list(self.call(code, task=task, count=count, payload=payload))

    def attempts(self, job_ids: list[str]) -> list[dict[str, Any]]:
        code = "answer = list(Attempt.objects.filter(job_id__in=ids).order_by('number').values())"
        return list(self.call(code, ids=job_ids))

    def wait_for_success(self, job_ids: list[str], *, seconds: float) -> None:
        code = "answer = Job.objects.filter(id__in=ids, state='succeeded').count()"
        until(
            lambda: self.call(code, ids=job_ids) == len(job_ids),
            seconds=seconds,
            what=f"{len(job_ids)} jobs to succeed",
        )

    def verify(self) -> str:
        """What `manage.py verify` said; it has to find nothing."""
        verify = self.start("verify", "desk", "manage.py", "verify")
        assert verify.wait(seconds=READY_SECONDS) == 0, verify.tail()
        return verify.output()

    def logs(self) -> list[tuple[str, str]]:
        return [(name, process.tail()) for name, process in self.processes.items()]
