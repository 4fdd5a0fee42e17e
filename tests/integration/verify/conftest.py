"""A healthy world with a job in each state, made by the product's own verbs."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from jobs.broker import claims, connections, heartbeats, publisher
from jobs.broker.heartbeats import Beat
from jobs.control import cancelling
from jobs.domain.actors import Actor
from jobs.domain.journal import Executor
from jobs.domain.states import Outcome
from jobs.intake import submission
from jobs.intake.drafts import Draft
from jobs.keeper import sampler
from jobs.keeper.recorder import Recorder
from jobs.models import Job
from jobs.verification.findings import Finding
from jobs.verification.verifying import Verification
from tests import factories

WORKER = Executor(worker="worker@test", incarnation="aaaaaaaaaaaaaaaa", pid=4711, beat=5)
OPERATOR = Actor("olivia")


@dataclass
class World:
    succeeded: Job
    retrying: Job
    dead: Job
    cancelled: Job
    queued: Job
    running: Job
    scheduled: Job

    def fresh(self, name: str) -> Job:
        job: Job = getattr(self, name)
        job.refresh_from_db()
        return job


@pytest.fixture
def world(redis_client: object) -> World:
    connections.forget()
    made = World(
        **{name: _submit() for name in ("succeeded", "retrying", "dead", "cancelled", "queued", "running")},
        scheduled=_submit(delay_seconds=3600),
    )
    _run(made.succeeded, Outcome.SUCCEEDED)
    _run(made.retrying, Outcome.FAILED, wait=3600.0)
    _run(made.dead, Outcome.FAILED, bury=True)
    cancelling.cancel(made.cancelled.id, actor=OPERATOR, reason="not needed")
    _start(made.running)
    Recorder().drain()
    publisher.publish([made.fresh("queued")])
    beat([made.fresh("running")])
    sampler.sample(timezone.now())
    return made


def look(*, patience_seconds: float = 0.0) -> list[Finding]:
    return list(Verification(patience_seconds=patience_seconds))


def beat(running: list[Job], *, counter: int = 9, age_seconds: float = 0.0) -> None:
    client = connections.patient()
    now_ms = connections.redis_ms(client)
    described: dict[str, Any] = {"name": WORKER.worker, "host": "test", "pid": WORKER.pid, "queues": ("default",)}
    written = Beat(
        incarnation=WORKER.incarnation,
        counter=counter,
        at_ms=now_ms - int(age_seconds * 1000),
        concurrency=1,
        version="test",
        started_ms=now_ms,
        rss_bytes=1,
        running=tuple((str(job.id), job.attempt, job.task) for job in running),
        **described,
    )
    with client.pipeline() as pipeline:
        heartbeats.write(pipeline, written)
        pipeline.execute()


def age(job: Job, **columns: Any) -> None:
    """Let the row look as if this had been a quarter of an hour ago."""
    then = timezone.now() - timedelta(minutes=15)
    Job.objects.filter(id=job.id).update(**(dict.fromkeys(columns, then)))


def _submit(**options: Any) -> Job:
    return submission.submit(Draft(task="noop", payload={"n": 1}, **options))


def _start(job: Job) -> None:
    claims.start(
        connections.patient(), job_id=str(job.id), attempt=1, by=WORKER, token="t" + str(job.id)[:8], queued_ms=None
    )


def _run(job: Job, outcome: Outcome, *, wait: float = 0.0, bury: bool = False) -> None:
    from jobs.broker import entries
    from jobs.domain.retry import Budget, Next, Verdict
    from jobs.domain.states import Burial

    _start(job)
    failures = Budget(failures=1)
    verdict = None
    if bury:
        verdict = Verdict(Next.BURY, failures, reason=Burial.EXHAUSTED)
    elif wait:
        verdict = Verdict(Next.RETRY, failures, wait_seconds=wait)
    ended = factories.ended(job, outcome=outcome, verdict=verdict, by=WORKER)
    claims.finish(
        connections.patient(),
        job_id=str(job.id),
        attempt=1,
        incarnation=WORKER.incarnation,
        outcome=outcome,
        body=entries.ended_body(ended),
    )
