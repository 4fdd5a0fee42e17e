"""Real processes against a private database and a private Redis, for the crash and acceptance tests.

Use the `stack` fixture (tests/conftest.py): it closes the stack and shows every log when the test fails.
"""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from taskqueue_project.localstack import ports
from taskqueue_project.localstack.redis import EmbeddedRedis
from tests.support import environment, servers
from tests.support.console import Console
from tests.support.process import ROOT, Process
from tests.support.waiting import until


class Stack:
    """Nothing runs at first but Redis; the test starts the processes that its story needs."""

    def __init__(self, directory: Path, *, template: str, **variables: str) -> None:
        """`template` is the URL of a migrated database to copy; `variables` are added to the environment."""
        self.directory = directory
        self.processes: dict[str, Process] = {}
        self._exit = ExitStack()
        self.redis = EmbeddedRedis(directory / "redis")
        self._exit.callback(self.redis.kill)
        self.redis.start()
        self.database_url = self._copy(template)
        self.environment = environment.without_ours() | environment.of(
            database_url=self.database_url, redis_url=self.redis.url, data=directory
        )
        self.environment |= variables
        self._console: Console | None = None
        self.port = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _copy(self, template: str) -> str:
        if template.startswith("sqlite:///"):
            path = self.directory / "tally.sqlite3"
            shutil.copyfile(template.removeprefix("sqlite:///"), path)
            return f"sqlite:///{path}"
        server_url = os.environ["TEST_DATABASE_URL"]
        url = servers.create_database(server_url, template=template)
        self._exit.callback(servers.drop_database, server_url, url)
        return url

    # Starting: each waits until the process says that it works.

    def start(self, name: str, *command: str, **variables: str) -> Process:
        """Any command, without waiting for anything."""
        process = Process(
            name,
            [sys.executable, *command],
            environment=self.environment | variables,
            log=self.directory / f"{name}.log",
        )
        self.processes[name] = process
        return process

    def start_worker(self, name: str = "worker", *, queues: str = "high,default,low", concurrency: int = 2) -> Process:
        worker = ["-m", "celery", "-A", "taskqueue_project", "worker", "-Q", queues, "-c", str(concurrency)]
        process = self.start(name, *worker, "-n", f"{name}@%h", "--without-gossip", "--without-mingle", "-l", "INFO")
        process.wait_for_output(" ready.", seconds=60)
        return process

    def start_keeper(self, name: str = "keeper", **variables: str) -> Process:
        process = self.start(name, "manage.py", "keeper", **variables)
        process.wait_for_output("keeper ready")
        return process

    def start_beat(self, name: str = "beat") -> Process:
        return self.start(name, "-m", "celery", "-A", "taskqueue_project", "beat", "-l", "INFO")

    def start_web(self, name: str = "web", **variables: str) -> Process:
        self.port = self.port or ports.find_free()
        process = self.start(
            name, "-m", "taskqueue_project.server", "-b", "127.0.0.1", "-p", str(self.port), **variables
        )
        until(lambda: self._answers("/healthz"), seconds=60, what=f"web on port {self.port} to answer /healthz")
        return process

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(self.url(path), timeout=2) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    # Breaking.

    def kill(self, name: str) -> None:
        """SIGKILL to that process alone, as the memory killer does it."""
        self.processes[name].kill()

    def stop(self, name: str) -> int:
        """SIGTERM and wait; its exit code."""
        return self.processes[name].stop()

    # Asking.

    def run_python(self, code: str) -> str:
        """Run code with Django set up for this stack; what it printed. Fast: the interpreter stays."""
        if self._console is None:
            self._console = Console(self.environment)
            self._exit.callback(self._console.close)
        return self._console.run(textwrap.dedent(code))

    def evaluate(self, expression: str, *, imports: str = "from jobs.models import Attempt, Job") -> Any:
        """The value of an expression, by way of JSON."""
        return json.loads(self.run_python(f"import json\n{imports}\nprint(json.dumps({expression}, default=str))"))

    def state_of(self, job_id: str) -> str:
        return str(self.evaluate(f"str(Job.objects.values_list('state', flat=True).get(pk={job_id!r}))"))

    def wait_for_state(self, job_id: str, *states: str, seconds: float = 30) -> str:
        until(
            lambda: self.state_of(job_id) in states, seconds=seconds, what=f"job {job_id} to be {' or '.join(states)}"
        )
        return self.state_of(job_id)

    def manage(self, *arguments: str, seconds: float = 60, check: bool = True) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        if check and done.returncode:
            raise AssertionError(
                f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done

    def submit(self, task_type: str, payload: Mapping[str, Any] | None = None, *options: str) -> str:
        """Submit by command, as a person would; the job's id."""
        arguments = ["submit", task_type, "--payload", json.dumps(payload or {}), *options]
        return self.manage(*arguments).stdout.splitlines()[0].strip()

    # Ending.

    def logs(self) -> list[tuple[str, str]]:
        return [(name, process.tail()) for name, process in self.processes.items()]

    def close(self) -> None:
        """Everything goes: first the processes and all their children, then the servers."""
        for process in self.processes.values():
            process.kill_group()
        self._exit.close()
