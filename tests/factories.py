"""Rows and journal entries for tests: each job comes with the columns, attempts and dead letter that its state implies."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from dlq import burial
from dlq.models import DeadLetter
from jobs import conf
from jobs.broker import connections, heartbeats
from jobs.broker.heartbeats import Beat
from jobs.domain import retry
from jobs.domain.journal import Ended, Executor, Failure, Late, Started, Withdrawn
from jobs.domain.retry import Budget, Verdict
from jobs.domain.states import FINAL, Burial, Event, Outcome, State
from jobs.lifecycle import recording
from jobs.models import Attempt, Job
from jobs.models.ids import uuid7
from jobs.signals import Buried

WORKER = Executor(worker="worker@test", incarnation="aaaaaaaaaaaaaaaa", pid=4711, beat=1)

_OUTCOME_OF_STATE = {
    State.RUNNING: Outcome.RUNNING,
    State.RETRYING: Outcome.FAILED,
    State.SUCCEEDED: Outcome.SUCCEEDED,
    State.DEAD: Outcome.FAILED,
}


def build_job(state: State = State.QUEUED, *, now: datetime | None = None, **columns: Any) -> Job:
    """A job in this state, not saved."""
    now = now or timezone.now()
    tried = state in _OUTCOME_OF_STATE
    implied: dict[str, Any] = {
        "id": uuid7(),
        "task": "noop",
        "queue": "default",
        "state": state,
        "max_retries": 3,
        "created_at": now,
        "attempt": int(tried),
        "closed": int(tried and state is not State.RUNNING),
        "failures": int(state in {State.RETRYING, State.DEAD}),
        "run_at": now + timedelta(seconds=60) if state in {State.SCHEDULED, State.RETRYING} else None,
        "queued_at": None if state is State.SCHEDULED else now,
        "published_at": None if state is State.SCHEDULED else now,
        "started_at": now if tried else None,
        "finished_at": now if state in FINAL else None,
    }
    return Job(**implied | columns)


def make_job(state: State = State.QUEUED, *, now: datetime | None = None, by: Executor = WORKER, **columns: Any) -> Job:
    return make_jobs(1, state, now=now, by=by, **columns)[0]


def make_jobs(
    count: int, state: State = State.QUEUED, *, now: datetime | None = None, by: Executor = WORKER, **columns: Any
) -> list[Job]:
    now = now or timezone.now()
    jobs = Job.objects.bulk_create([build_job(state, now=now, **columns) for _ in range(count)], batch_size=500)
    if state in _OUTCOME_OF_STATE:
        Attempt.objects.bulk_create((_attempt_of(job, now=now, by=by) for job in jobs), batch_size=500)
    if state is State.DEAD:
        with transaction.atomic():
            burial.bury([_burial_of(job, now=now) for job in jobs])
    return jobs


def make_letters(
    count: int = 1, *, failure: Failure | None = None, at_ms: int | None = None, **columns: Any
) -> list[DeadLetter]:
    """Of jobs that died as jobs do: by the journal, so that every counter knows of it. Oldest first."""
    jobs = make_jobs(count, State.QUEUED, **columns)
    for start in range(0, count, 500):
        deaths = [(job, buried(job, at_ms=at_ms)) for job in jobs[start : start + 500]]
        told = [(started(job, at_ms=at_ms), replace(d, failure=failure or d.failure)) for job, d in deaths]
        recording.record([entry for entries in told for entry in entries])
    return list(DeadLetter.objects.filter(job__in=[job.id for job in jobs]).order_by("id"))


def _attempt_of(job: Job, *, now: datetime, by: Executor) -> Attempt:
    outcome = _OUTCOME_OF_STATE[State(job.state)]
    return Attempt(
        job=job,
        number=max(job.attempt, 1),
        outcome=outcome,
        worker=by.worker,
        incarnation=by.incarnation,
        pid=by.pid,
        beat=by.beat,
        started_at=now,
        finished_at=None if outcome is Outcome.RUNNING else now,
        retry_at=job.run_at if job.state == State.RETRYING else None,
    )


def _burial_of(job: Job, *, now: datetime) -> Buried:
    return Buried(job, Burial.EXHAUSTED, Failure(job.error_type or "Oops", job.error or "it broke"), now)


# Journal entries.


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def now_ms() -> int:
    return milliseconds(datetime.now(UTC))


def started(job: Job, attempt: int = 1, *, at_ms: int | None = None, by: Executor = WORKER) -> Started:
    at_ms = now_ms() if at_ms is None else at_ms
    return Started(str(job.id), attempt, at_ms, by, queued_ms=at_ms - 100)


def ended(
    job: Job,
    attempt: int = 1,
    *,
    outcome: Outcome = Outcome.SUCCEEDED,
    verdict: Verdict | None = None,
    at_ms: int | None = None,
    by: Executor = WORKER,
    result: Any = None,
    failure: Failure | None = None,
) -> Ended:
    at_ms = now_ms() if at_ms is None else at_ms
    return Ended(
        job_id=str(job.id),
        attempt=attempt,
        at_ms=at_ms,
        outcome=outcome,
        verdict=verdict or verdict_of(outcome, Budget(job.failures, job.losses, job.unknowns), job.max_retries),
        by=by,
        started_ms=at_ms - 250,
        queued_ms=at_ms - 350,
        run_seconds=0.25,
        result=result,
        failure=failure or (Failure() if outcome is Outcome.SUCCEEDED else Failure("Oops", "it broke", "Traceback …")),
    )


def buried(job: Job, attempt: int = 1, *, reason: Burial = Burial.EXHAUSTED, at_ms: int | None = None) -> Ended:
    verdict = Verdict(retry.Next.BURY, Budget(failures=job.failures + 1), reason=reason)
    return ended(job, attempt, outcome=Outcome.FAILED, verdict=verdict, at_ms=at_ms)


def late(job: Job, attempt: int = 1, *, outcome: Outcome = Outcome.SUCCEEDED) -> Late:
    return Late(str(job.id), attempt, now_ms(), outcome)


def withdrawn(job: Job, attempt: int = 1, *, event: Event = Event.CANCELLED, at_ms: int | None = None) -> Withdrawn:
    return Withdrawn(str(job.id), attempt, now_ms() if at_ms is None else at_ms, event)


def verdict_of(outcome: Outcome, budget: Budget = Budget(), max_retries: int | None = 3) -> Verdict:  # noqa: B008  (frozen)
    """What the rules say after this outcome, with the default policy and no jitter."""
    match outcome:
        case Outcome.SUCCEEDED:
            return retry.succeed(budget)
        case Outcome.CANCELLED:
            return retry.cancel(budget)
        case Outcome.LOST:
            return retry.lose(budget)
        case Outcome.INTERRUPTED:
            return retry.interrupt(budget)
        case Outcome.FAILED | Outcome.TIMED_OUT:
            policy = retry.RetryPolicy(max_retries=max_retries)
            return retry.fail(budget, policy, draw=0.0, outcome=outcome)
        case Outcome.RUNNING:
            raise ValueError("a running attempt has no verdict")


def ids(jobs: Iterable[Job]) -> list[str]:
    return [str(job.id) for job in jobs]


def make_beat(name: str, *, seconds_ago: float = 0.0, **fields: Any) -> Beat:
    """What a worker of this name said of itself so long ago."""
    client = connections.patient()
    at_ms = connections.redis_ms(client) - int(seconds_ago * 1000)
    implied: dict[str, Any] = {"incarnation": f"{name} 1", "counter": 1, "host": "box", "pid": 1, "queues": ("high",)}
    implied |= {"concurrency": 2, "version": conf.release(), "rss_bytes": 50_000_000, "running": ()}
    beat = Beat(**{**implied, "name": name, "at_ms": at_ms, "started_ms": at_ms, **fields})
    with client.pipeline() as pipeline:
        heartbeats.write(pipeline, beat)
        pipeline.execute()
    return beat
