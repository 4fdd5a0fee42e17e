"""For the tests of projects that use the queue: the pytest fixture `tally_worker` runs their jobs in the test's own process.

In a conftest: `pytest_plugins = ["jobs.testing"]`. A test that asks for it needs the database, but neither Redis nor a keeper.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from celery import current_app
from django.db.models import F, Q
from django.utils import timezone

from jobs.broker import publisher
from jobs.domain.journal import Withdrawn
from jobs.domain.states import Event, State
from jobs.execution import eager
from jobs.intake import registry
from jobs.lifecycle import recording
from jobs.models import Job


class StillWaiting(AssertionError):
    """After so many attempts there are jobs left: they submit each other, or are retried without end."""


@dataclass(slots=True)
class TallyWorker:
    """Runs attempts in order of submission, each with its rows, as a worker and a keeper would have left them."""

    at_most: int = 1_000
    made: list[Job] = field(default_factory=list)

    def run(self) -> list[Job]:
        """Run what is due now, and what that submits; a job that failed and is to be retried later is left waiting.

        Returns the jobs that were run, as they are afterwards.
        """
        return self._run_all(timezone.now)

    def drain(self) -> list[Job]:
        """Run everything that waits, whenever it is due, as if time passed: to the end of every retry."""
        return self._run_all(lambda: None)

    def run_one(self, job: Job) -> Job:
        """Make the job's next attempt, or let it be cancelled or expire if that is what it waits for."""
        now = timezone.now()
        registry.get(job.task)
        if job.cancel_requested_at is not None:
            self._withdraw(job, Event.CANCELLED, now)
        elif job.expires_at is not None and job.expires_at <= now:
            self._withdraw(job, Event.EXPIRED, now)
        else:
            eager.run_attempt(current_app.tasks[job.task], job)
        job.refresh_from_db()
        self.made.append(job)
        return job

    def _run_all(self, due_at: Callable[[], datetime | None]) -> list[Job]:
        ran: dict[object, Job] = {}
        for _ in range(self.at_most):
            job = _next(due_at())
            if job is None:
                return list(ran.values())
            ran[job.id] = self.run_one(job)
        raise StillWaiting(f"Jobs still wait after {self.at_most} attempts; the next is {_next(due_at())}.")

    def _withdraw(self, job: Job, event: Event, now: datetime) -> None:
        at_ms = int(now.timestamp() * 1000)
        recording.record([Withdrawn(str(job.id), job.next_attempt, at_ms, event)])


def _next(due_at: datetime | None) -> Job | None:
    """The job that waits longest; None for `due_at`: whenever it is due."""
    waiting = Job.objects.waiting()
    if due_at is not None:
        waiting = waiting.filter(Q(state=State.QUEUED) | Q(run_at__lte=due_at))
    job: Job | None = waiting.order_by(F("run_at").asc(nulls_first=True), "id").first()
    return job


@pytest.fixture
def tally_worker(monkeypatch: pytest.MonkeyPatch) -> TallyWorker:
    """Runs jobs in this process: `run()` what is due, `drain()` all there is, `run_one(job)`. Nothing is published."""
    monkeypatch.setattr(publisher, "publish", lambda _jobs: 0)
    return TallyWorker()
