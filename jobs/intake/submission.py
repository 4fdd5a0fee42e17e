"""The one road in: validate, insert in the caller's transaction, publish when that has committed."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.db import transaction
from django.utils import timezone

from jobs import phases, tracing
from jobs.broker import publisher
from jobs.domain.actors import CODE, Actor
from jobs.domain.errors import TallyError
from jobs.domain.states import Source, State
from jobs.intake import drafts, idempotency
from jobs.intake.drafts import Draft
from jobs.lifecycle import rows
from jobs.lifecycle.recording import database
from jobs.models import Job


def submit(draft: Draft, *, actor: Actor = CODE, source: Source = Source.CODE, now: datetime | None = None) -> Job:
    return submit_many([draft], actor=actor, source=source, now=now)[0]


def submit_many(
    wanted: Sequence[Draft], *, actor: Actor = CODE, source: Source = Source.CODE, now: datetime | None = None
) -> list[Job]:
    """All or none. Returns the jobs in the order of the drafts; a repeated idempotency key gives the first job again."""
    actor.require("jobs.submit_job")
    now = now or timezone.now()
    jobs = [_make_job(place, draft, actor=actor, source=source, now=now) for place, draft in enumerate(wanted)]
    return insert(jobs, scope=actor.name, now=now)


def _make_job(place: int, draft: Draft, *, actor: Actor, source: Source, now: datetime) -> Job:
    try:
        job = drafts.make_job(draft, actor=actor, source=source, now=now)
    except TallyError as error:
        error.place = place
        raise
    job.request_hash = draft.request_hash
    return job


def insert(jobs: Sequence[Job], *, scope: str, now: datetime) -> list[Job]:
    """Insert what is new, and publish it once the outermost transaction has committed."""
    settled = insert_unpublished(jobs, scope=scope, now=now)
    fresh = {job.id: job for job in settled if not job.replayed}  # a key given twice in one batch is one job
    queued = [job for job in fresh.values() if job.state == State.QUEUED]
    publisher.publish_on_commit(queued, using=database())
    if fresh and phases.are_told():
        transaction.on_commit(partial(_tell, list(fresh.values())), using=database(), robust=True)
    return settled


def _tell(jobs: Sequence[Job]) -> None:
    for job in jobs:
        phases.tell(
            "submitted",
            job_id=job.id,
            task=job.task,
            queue=job.queue,
            state=str(job.state),
            source=str(job.source),
            correlation_id=job.correlation_id,
            traceparent=tracing.of_options(job.options).get("traceparent", ""),
        )


def insert_unpublished(jobs: Sequence[Job], *, scope: str, now: datetime) -> list[Job]:
    """Insert what is new. Whoever calls this runs the jobs, or lets the keeper find them."""
    using = database()
    if len(jobs) == 1 and not jobs[0].idempotency_key:
        rows.insert_jobs(jobs, using=using)
        return list(jobs)
    with transaction.atomic(using=using):
        settled = idempotency.settle(jobs, scope=scope, now=now, using=using)
        kept = {job.id for job in settled if not job.replayed}
        fresh = [job for job in jobs if job.id in kept]
        rows.insert_jobs(fresh, using=using)
    return settled
