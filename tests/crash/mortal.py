"""A stack whose processes die at seams, and are started again as a supervisor would."""

from pathlib import Path
from typing import Any

from tests.support import seams
from tests.support.process import Process
from tests.support.seams import Seams
from tests.support.story import Story
from tests.support.waiting import until

VERIFY = """
from jobs.verification.verifying import Verification
answer = [f"{f.object} {f.problem} [{f.check}]" for f in Verification(patience_seconds=patience)]
"""


class Mortal(Story):
    """Each process has a role: its name up to the first dash."""

    def __init__(self, directory: Path, **options: Any) -> None:
        super().__init__(directory, **options)
        self.environment["DJANGO_SETTINGS_MODULE"] = "tests.support.armed_settings"
        self.seams = Seams(directory)
        self._lives = 0

    def start(self, name: str, *command: str, **variables: str) -> Process:
        return super().start(name, *command, **{seams.ROLE: name.partition("-")[0], **variables})

    def revive(self) -> None:
        """Start again what has died. (A pool's children are the worker's business.)"""
        for name, process in list(self.processes.items()):
            if process.returncode is not None:
                del self.processes[name]
                self._lives += 1
                role = name.partition("-")[0]
                self._start_again(role, f"{role}-{self._lives}")
        if not self.redis.answers():
            self.redis.kill()
            self.redis.start()

    def _start_again(self, role: str, name: str) -> None:
        match role:
            case "worker":
                self.start_worker(name)
            case "keeper":
                self.start_keeper(name)
            case "beat":
                self.start_beat(name)

    def replace(self, role: str, **variables: str) -> None:
        """Stop it in order, and start it again with this in its environment."""
        [name] = [name for name in self.processes if name.partition("-")[0] == role]
        self.processes.pop(name).stop()
        self._lives += 1
        before, self.environment = self.environment, self.environment | variables
        self._start_again(role, f"{role}-{self._lives}")
        self.environment = before

    def redis_pid(self) -> str:
        assert self.redis.process is not None
        return str(self.redis.process.pid)

    def the(self, role: str) -> Process:
        return next(process for name, process in self.processes.items() if name.partition("-")[0] == role)

    def wait_for_death_of(self, role: str) -> None:
        process = self.the(role)
        until(lambda: process.returncode is not None, seconds=30, what=f"{role} to die")

    def wait_for_idle_parents(self) -> None:
        """Until a message can only go to a worker's parent: no process waits for one itself."""
        workers = sum(name.partition("-")[0] == "worker" for name in self.processes)
        with self.broker() as broker:
            until(
                lambda: (
                    sum("b" in client["flags"] for client in broker.client_list() if client["cmd"] == "brpop")
                    <= workers
                ),
                seconds=30,
                what="nobody to wait but parents",
            )

    def submit_and_die(self, when: str, seam: str, *arguments: str) -> Process:
        """A submitting process that is killed at a seam."""
        self.seams.arm(seam, when=when, role="submitter")
        self._lives += 1
        process = self.start(f"submitter-{self._lives}", "manage.py", "submit", *arguments)
        process.wait(seconds=60)
        self.seams.wait_until_struck()
        return process

    def jobs_with(self, marks: Path) -> list[str]:
        """The jobs that leave their marks there, whoever submitted them."""
        code = "answer = list(Job.objects.filter(payload__marks=m).values_list('id', flat=True))"
        return list(self.call(code, m=str(marks)))

    def token(self) -> str:
        """One of an administrator."""
        code = """
from django.contrib.auth.models import User
from jobs.control import tokens
from jobs.domain.actors import CODE
user, _ = User.objects.get_or_create(username="root", is_superuser=True)
answer = tokens.issue(user, actor=CODE).secret
"""
        return str(self.call(code))

    def assert_accounted(self, *, patience_seconds: float = 30) -> None:
        """The global invariants, of a stack that has come to rest."""
        found = self.call(VERIFY, patience=patience_seconds)
        assert not found, "\n".join(found)
