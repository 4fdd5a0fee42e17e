"""Pauses, resumes and purges queues. The paused set lives in SQL; Redis mirrors it for the workers."""

import contextlib
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from jobs import conf
from jobs.broker import connections, mirror
from jobs.control import actions, cancelling
from jobs.domain.actors import Actor
from jobs.domain.errors import StateConflict
from jobs.domain.states import State
from jobs.intake import registry
from jobs.lifecycle.recording import database
from jobs.models import Job, Queue


def pause(name: str, *, actor: Actor, reason: str, now: datetime | None = None) -> Queue:
    """Workers leave the queue with their next beat; what runs goes on."""
    actor.require("jobs.pause_queue")
    queue = _set_paused(name, actor=actor, reason=reason, at=now or timezone.now(), verb="pause")
    _mirror()
    return queue


def resume(name: str, *, actor: Actor, reason: str = "") -> Queue:
    actor.require("jobs.pause_queue")
    queue = _set_paused(name, actor=actor, reason=reason, at=None, verb="resume")
    _mirror()
    return queue


def purge(name: str, *, actor: Actor, reason: str, now: datetime | None = None) -> int:
    """Cancel every job that waits in the queue, each with its own record. Returns how many."""
    actor.require("jobs.purge_queue")
    registry.known_queue(name)
    now = now or timezone.now()
    waiting = Job.objects.waiting().filter(queue=name, cancel_requested_at__isnull=True)
    total = 0
    while True:
        flagged = _flag_some(list(waiting.order_by("id").values_list("id", flat=True)[:500]), actor, reason, now)
        for job in flagged:
            cancelling.enforce(job)
        total += len(flagged)
        if not flagged:
            return total


def paused_names() -> set[str]:
    return set(Queue.objects.filter(paused_at__isnull=False).values_list("name", flat=True))


def _set_paused(name: str, *, actor: Actor, reason: str, at: datetime | None, verb: str) -> Queue:
    registry.known_queue(name)
    actions.checked_reason(reason)
    with transaction.atomic(using=database()):
        Queue.objects.using(database()).bulk_create([Queue(name=name)], ignore_conflicts=True)
        queue = Queue.objects.using(database()).select_for_update().get(name=name)
        was_paused = queue.paused_at is not None
        if was_paused == (at is not None):
            raise StateConflict(f"Queue {name} is {'paused already' if was_paused else 'not paused'}.")
        queue.paused_at = at
        queue.paused_by, queue.paused_reason = (actor.name[:150], reason) if at else ("", "")
        queue.save()
        actions.note(
            actor,
            verb,
            f"queue:{name}",
            reason=reason,
            before={"paused": was_paused},
            after={"paused": at is not None},
        )
    return queue


def _flag_some(ids: list[UUID], actor: Actor, reason: str, now: datetime) -> list[Job]:
    with transaction.atomic(using=database()):
        jobs = list(Job.objects.waiting().select_for_update().filter(id__in=ids).order_by("id"))
        Job.objects.filter(id__in=[job.id for job in jobs]).update(
            cancel_requested_at=now, cancel_requested_by=actor.name[:150], cancel_reason=actions.checked_reason(reason)
        )
        actions.note_many(
            [
                actions.compose(
                    actor,
                    "purge",
                    f"job:{job.id}",
                    reason=reason,
                    before={"state": job.state},
                    after={"state": State.CANCELLED},
                )
                for job in jobs
            ]
        )
    return jobs


def _mirror() -> None:
    with contextlib.suppress(*connections.Unavailable):  # the keeper's next sample writes it
        mirror.write_paused(connections.hasty(), paused_names() & set(conf.current().QUEUES))
