"""Cancels jobs: first the wish and its Action are committed, then the next claim is won, or the running attempt stopped.

With Redis away the wish stands, and the keeper makes it true when Redis is back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from jobs.broker import claims, connections, mirror
from jobs.control import actions
from jobs.domain.actors import Actor
from jobs.domain.errors import StateConflict, TallyError
from jobs.domain.states import FINAL, WAITING, Event, State
from jobs.lifecycle.recording import database
from jobs.models import Job


class JobUnknown(TallyError):
    code = "job_unknown"

    def __init__(self, job_id: object) -> None:
        super().__init__(f"There is no job {job_id}.")


CANCEL_MAX = 1_000  # more of them would keep a web request waiting: purging a queue is for that
_CHUNK = 250


class TooManyJobs(TallyError):
    code = "too_many_jobs"

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} jobs are too many for one go: cancel at most {CANCEL_MAX}, or purge the queue.")


class Cancelling(StrEnum):
    """`revoked`: it will never start. `revoking`: it runs, or Redis is away; it ends as soon as that is possible."""

    REVOKED = "revoked"
    REVOKING = "revoking"


@dataclass(frozen=True, slots=True)
class Answer:
    job: Job
    status: Cancelling


def cancel(job_id: UUID, *, actor: Actor, reason: str = "", now: datetime | None = None) -> Answer:
    actor.require("jobs.cancel_job")
    job = _flag(job_id, actor=actor, reason=reason, now=now or timezone.now())
    return Answer(job, enforce(job))


@dataclass(slots=True)
class Many:
    """The jobs that are flagged now, and why the others are not."""

    jobs: list[Job] = field(default_factory=list)
    refused: dict[UUID, str] = field(default_factory=dict)


def cancel_many(job_ids: Sequence[UUID], *, actor: Actor, reason: str, now: datetime) -> Many:
    """In chunks of one transaction each; a job that has ended meanwhile is left alone."""
    actor.require("jobs.cancel_job")
    if len(job_ids) > CANCEL_MAX:
        raise TooManyJobs(len(job_ids))
    done = Many()
    for start in range(0, len(job_ids), _CHUNK):
        flagged, refused = _flag_many(job_ids[start : start + _CHUNK], actor=actor, reason=reason, now=now)
        for job in flagged:
            enforce(job)
        done.jobs += flagged
        done.refused |= refused
    return done


def enforce(job: Job) -> Cancelling:
    """Make the wish true, as far as that can be done from here."""
    try:
        if job.state in WAITING:
            holder = claims.withdraw(
                connections.hasty(), job_id=job.id, attempt=job.next_attempt, event=Event.CANCELLED
            )
            if holder is None or holder.ended == Event.CANCELLED:
                return Cancelling.REVOKED
            mirror.order_stop(connections.hasty(), job_id=job.id, attempt=job.next_attempt)
        else:
            mirror.order_stop(connections.hasty(), job_id=job.id, attempt=job.attempt)
    except connections.Unavailable:
        return Cancelling.REVOKING  # the wish is committed; the keeper sees to it
    return Cancelling.REVOKING


def _flag(job_id: UUID, *, actor: Actor, reason: str, now: datetime) -> Job:
    using, reason = database(), actions.checked_reason(reason)
    with transaction.atomic(using=using):
        job = Job.objects.using(using).select_for_update().filter(id=job_id).first()
        if job is None:
            raise JobUnknown(job_id)
        if job.state in FINAL:
            raise StateConflict(f"Job {job_id} is {job.state} already: only a job that waits or runs can be cancelled.")
        if job.cancel_requested_at is None:
            job.cancel_requested_at, job.cancel_requested_by, job.cancel_reason = now, actor.name[:150], reason
            job.save(update_fields=["cancel_requested_at", "cancel_requested_by", "cancel_reason"])
            actions.note(
                actor,
                "cancel",
                f"job:{job_id}",
                reason=reason,
                before={"state": job.state},
                after={"state": State.CANCELLED},
            )
    return job


def _flag_many(
    job_ids: Sequence[UUID], *, actor: Actor, reason: str, now: datetime
) -> tuple[list[Job], dict[UUID, str]]:
    using = database()
    with transaction.atomic(using=using):
        jobs = Job.objects.using(using).select_for_update().filter(id__in=job_ids).order_by("id").in_bulk()
        refused = {job_id: why for job_id in job_ids if (why := _refusal(jobs.get(job_id)))}
        flagged = [job for job_id, job in jobs.items() if job_id not in refused]
        Job.objects.using(using).filter(id__in=[job.id for job in flagged]).update(
            cancel_requested_at=now, cancel_requested_by=actor.name[:150], cancel_reason=actions.checked_reason(reason)
        )
        after = {"state": State.CANCELLED}
        noted = [
            actions.compose(actor, "cancel", f"job:{job.id}", reason=reason, before={"state": job.state}, after=after)
            for job in flagged
        ]
        actions.note_many(noted)
    return flagged, refused


def _refusal(job: Job | None) -> str:
    if job is None:
        return "not there any more"
    if job.state in FINAL:
        return f"{job.state} already"
    return "being cancelled already" if job.cancel_requested_at is not None else ""
