"""A stack with the test tasks, and short words for what stories ask again and again."""

import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import redis

from tests.support.process import Process
from tests.support.stack import Stack
from tests.support.waiting import until

FINAL = ("succeeded", "dead", "cancelled", "expired")


class Story(Stack):
    """`conf` are settings of `TASKQUEUE`, `settings` any others, for every process that is started."""

    def __init__(
        self,
        directory: Path,
        *,
        template: str,
        conf: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        **variables: str,
    ) -> None:
        super().__init__(
            directory,
            template=template,
            DJANGO_SETTINGS_MODULE="tests.support.settings",
            TALLY_TEST_TASKQUEUE=json.dumps(conf or {}),
            TALLY_TEST_SETTINGS=json.dumps(settings or {}),
            **variables,
        )
        self._marks = 0

    # Acting.

    def call(self, code: str, **values: Any) -> Any:
        """Run code with these values in sight; what it leaves in `answer`, by way of JSON."""
        lines = [f"{name} = json.loads({json.dumps(json.dumps(value))})" for name, value in values.items()]
        prelude = "import json\nfrom tests.support import celery_tasks as c, sample_tasks as t\nfrom jobs.models import *\nanswer = None\n"
        printed = self.run_python("\n".join([prelude, *lines, code, "print(json.dumps(answer, default=str))"]))
        return json.loads(printed.splitlines()[-1])

    def enqueue(self, task: str, /, **payload: Any) -> str:
        return str(
            self.call(
                "from jobs.shortcuts import submit; answer = submit(task, **payload).id", task=task, payload=payload
            )
        )

    def enqueue_many(self, task: str, payloads: list[dict[str, Any]], **options: Any) -> list[str]:
        code = """
from jobs.intake.drafts import Draft
from jobs.shortcuts import submit_many
answer = [job.id for job in submit_many([Draft(task, payload, **options) for payload in payloads])]
"""
        return list(self.call(code, task=task, payloads=payloads, options=options))

    def enqueue_mixed(self, wanted: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        """Jobs of several tasks, in this order."""
        code = """
from jobs.intake.drafts import Draft
from jobs.shortcuts import submit_many
answer = [job.id for job in submit_many([Draft(task, payload) for task, payload in wanted])]
"""
        return list(self.call(code, wanted=list(wanted)))

    def cancel(self, job_id: str) -> str:
        code = """
from uuid import UUID
from jobs.control import cancelling
from jobs.domain.actors import CODE
answer = cancelling.cancel(UUID(job_id), actor=CODE, reason="because").status
"""
        return str(self.call(code, job_id=job_id))

    # Asking.

    def handed_out(self) -> int:
        """How many attempts the workers' parents handed out; the rest their processes took themselves."""
        code = """
from taskqueue_project.celery import app
told = app.control.inspect(timeout=5, limit=1).stats() or {}
answer = sum(sum(stats["total"].values()) for stats in told.values())
"""
        return int(self.call(code))

    def row(self, job_id: str) -> dict[str, Any]:
        return dict(self.call("answer = Job.objects.filter(id=job_id).values().get()", job_id=job_id))

    def attempts(self, job_id: str) -> list[dict[str, Any]]:
        return list(self.call("answer = list(Attempt.objects.filter(job_id=job_id).values())", job_id=job_id))

    def outcomes(self, job_id: str) -> list[str]:
        return [attempt["outcome"] for attempt in self.attempts(job_id)]

    def letters(self, job_id: str) -> list[dict[str, Any]]:
        code = "from dlq.models import DeadLetter\nanswer = list(DeadLetter.objects.filter(job_id=job_id).values())"
        return list(self.call(code, job_id=job_id))

    def states(self, job_ids: list[str]) -> dict[str, int]:
        code = """
from collections import Counter
answer = Counter(Job.objects.filter(id__in=job_ids).values_list("state", flat=True))
"""
        return dict(self.call(code, job_ids=job_ids))

    def wait_for_end(self, job_id: str, *, seconds: float = 60) -> dict[str, Any]:
        """The row of the job, once it is final."""
        self.wait_for_state(job_id, *FINAL, seconds=seconds)
        return self.row(job_id)

    def wait_for_ends(self, job_ids: list[str], *, seconds: float = 60) -> dict[str, int]:
        """How many jobs ended in which state, once all are final."""
        until(
            lambda: sum(n for state, n in self.states(job_ids).items() if state in FINAL) == len(job_ids),
            seconds=seconds,
            what=f"{len(job_ids)} jobs to end, now {self.states(job_ids)}",
        )
        return self.states(job_ids)

    def broker(self, database: int = 0) -> redis.Redis:
        return redis.Redis.from_url(f"{self.redis.url}/{database}", decode_responses=True)

    # Marks: evidence that depends on neither SQL nor Redis.

    def marks_file(self) -> Path:
        self._marks += 1
        return self.directory / f"marks-{self._marks}"

    # Processes.

    def start_worker(
        self,
        name: str = "worker",
        *,
        queues: str = "high,default,low",
        concurrency: int = 2,
        pool: str = "prefork",
        **variables: str,
    ) -> Process:
        command = [
            "-m",
            "celery",
            "-A",
            "taskqueue_project",
            "worker",
            "-Q",
            queues,
            "-c",
            str(concurrency),
            "-P",
            pool,
        ]
        process = self.start(
            name, *command, "-n", f"{name}@%h", "--without-gossip", "--without-mingle", "-l", "INFO", **variables
        )
        process.wait_for_output(" ready.", seconds=60)
        return process

    def wait_for_beats(self, count: int, *, seconds: float = 30) -> None:
        """Until every worker that lives now has beaten so many times more."""
        before = self.beats()
        until(
            lambda: all(self.beats().get(name, 1e9) >= beat + count for name, beat in before.items()),
            seconds=seconds,
            what=f"{count} more beats",
        )

    def beats(self) -> dict[str, int]:
        """Incarnation → counter, of workers that live."""
        found: Any = self.broker(1).hgetall("tally:beats")
        beats = {incarnation: json.loads(text) for incarnation, text in found.items()}
        return {incarnation: beat["counter"] for incarnation, beat in beats.items() if is_alive(beat["pid"])}

    def children_of(self, process: Process) -> list[int]:
        """The processes of a worker's pool."""
        return children_of(process.pid)

    def wait_for_running(self, job_id: str, *, attempt: int = 1, seconds: float = 30) -> int:
        """The process that runs the attempt."""
        found: list[int] = []

        def runs() -> bool:
            rows = [a for a in self.attempts(job_id) if a["number"] == attempt and a["outcome"] == "running"]
            found[:] = [a["pid"] for a in rows]
            return bool(found)

        until(runs, seconds=seconds, what=f"attempt {attempt} of {job_id} to run")
        return found[0]


def children_of(pid: int) -> list[int]:
    """By /proc, where there is one."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found


def is_alive(pid: int) -> bool:
    """Zombies don't count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def marks_in(file: Path, text: str = "") -> list[str]:
    """The lines of a marks file that begin with the text."""
    if not file.exists():
        return []
    return [line for line in file.read_text().splitlines() if line.startswith(text)]


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def kill(pid: int, signum: int = signal.SIGKILL) -> None:
    os.kill(pid, signum)


def eventually(predicate: Callable[[], object], what: str, *, seconds: float = 30) -> None:
    until(predicate, seconds=seconds, what=what)
