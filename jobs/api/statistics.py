"""Counts as the API and the socket tell them: rows in SQL, and what Redis says of the workers while it can be asked."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from jobs import conf
from jobs.broker import connections, heartbeats
from jobs.broker.heartbeats import Beat
from jobs.control.queues import paused_names
from jobs.domain.actors import Actor
from jobs.keeper import sampler
from jobs.keeper.sampler import QueuePulse
from jobs.models import Queue


def stats(actor: Actor) -> dict[str, Any]:
    """Counted now. With Redis away `workers_online` is null, for nobody knows."""
    actor.require("jobs.view_job")
    return counted()


def counted() -> dict[str, Any]:
    now = timezone.now()
    pulses = sampler.count_queues(now=now, paused=paused_names())
    beats = live_workers()
    told = _seven(pulses, sampler.count_all_time().counts, workers_online=None if beats is None else len(beats))
    return {
        **told,
        "queues": [_counts(pulse) for pulse in pulses],
        "ts": now.isoformat(),
        "redis": "away" if beats is None else "ok",
    }


def _seven(queues: Sequence[QueuePulse], totals: Mapping[str, int], *, workers_online: int | None) -> dict[str, Any]:
    return {
        **{f"queued_{queue.name}": queue.waiting for queue in queues},
        "active_tasks": sum(queue.running for queue in queues),
        "failed_tasks": totals.get("dead", 0),
        "success_tasks": totals.get("succeeded", 0),
        "workers_online": workers_online,
    }


def live_workers() -> list[Beat] | None:
    """None: Redis can't be asked now."""
    try:
        return heartbeats.live(connections.hasty(), within_seconds=conf.current().RESCUE_AFTER_SECONDS)
    except connections.Unavailable:
        return None


def queues(actor: Actor) -> list[dict[str, Any]]:
    actor.require("jobs.view_job")
    return _describe_queues()


def queue(name: str) -> dict[str, Any]:
    """One queue, for whoever has just done something to it."""
    return next(found for found in _describe_queues() if found["name"] == name)


def _describe_queues() -> list[dict[str, Any]]:
    rows = Queue.objects.in_bulk()
    paused = {name for name, row in rows.items() if row.paused_at is not None}
    beats = live_workers()
    return [
        {
            **_counts(pulse),
            "paused_by": (rows[pulse.name].paused_by if pulse.paused else "") or None,
            "paused_reason": (rows[pulse.name].paused_reason if pulse.paused else "") or None,
            "workers": None if beats is None else sum(pulse.name in beat.queues for beat in beats),
        }
        for pulse in sampler.count_queues(now=timezone.now(), paused=paused)
    ]


def _counts(pulse: QueuePulse) -> dict[str, Any]:
    return {
        "name": pulse.name,
        "waiting": pulse.waiting,
        "oldest_seconds": pulse.oldest_seconds,
        "running": pulse.running,
        "paused": pulse.paused,
    }
