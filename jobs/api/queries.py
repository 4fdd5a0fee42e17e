"""What the API reads. Each query checks who asks; none scans a table."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from jobs.control.cancelling import JobUnknown
from jobs.domain.actors import Actor
from jobs.domain.states import State
from jobs.intake import registry
from jobs.intake.registry import TaskSpec
from jobs.models import Action, Attempt, Job

# What a list does not show, and may be megabytes.
_BULKY = ("args", "payload", "result", "options", "follows")


def jobs(actor: Actor) -> QuerySet[Job]:
    actor.require("jobs.view_job")
    return Job.objects.defer(*_BULKY)


def job(job_id: UUID, *, actor: Actor) -> Job:
    actor.require("jobs.view_job")
    attempts = Prefetch("attempts", queryset=Attempt.objects.defer("log", "causes").order_by("number"))
    found = Job.objects.prefetch_related(attempts).filter(id=job_id).first()
    if found is None:
        raise JobUnknown(job_id)
    return found


def latest_letter(job: Job) -> Any:
    """The dead letter of its last death, by way of the relation that the app above declares; None without one."""
    letters = getattr(job, "dead_letters", None)
    return letters.order_by("-id").first() if letters is not None else None


def max_attempts(job: Job) -> int | None:
    """The number of the attempt at which it dies if every further one fails; None: never."""
    if job.state == State.DEAD:
        return job.attempt
    if job.max_retries is None:
        return None
    left = max(0, job.max_retries - job.failures)
    is_under_way = job.state in (State.RUNNING, State.SUCCEEDED)
    return job.attempt + left + (not is_under_way)


def actions(actor: Actor) -> QuerySet[Action]:
    actor.require("jobs.view_action")
    return Action.objects.all()


def task_types(actor: Actor) -> Sequence[TaskSpec]:
    actor.require("jobs.view_job")
    return registry.every()


def moment(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
