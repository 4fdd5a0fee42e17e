"""Takes the pulse once a second, whoever looks: what waits, runs, died and succeeded, and who is alive."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

import redis
from django.db.models import Count, Min

from jobs import conf, signals
from jobs.broker import connections, heartbeats, journal, mirror
from jobs.domain.states import State
from jobs.keeper import history
from jobs.keeper.history import Point, QueuePoint, Rates
from jobs.models import Job, Queue, Rollup
from jobs.models.rollup import ALL_TIME

_SAMPLE_KEPT_SECONDS = 30
COUNT_CAP = 10_000
_ENDINGS = ("succeeded", "retrying", "dead", "cancelled", "expired")


@dataclass(frozen=True, slots=True)
class QueuePulse:
    name: str
    waiting: int
    oldest_seconds: float
    running: int
    paused: bool
    started: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class Pulse:
    at: str
    queues: tuple[QueuePulse, ...]
    active_tasks: int
    success_tasks: int
    failed_tasks: int
    workers_online: int
    journal_lag_seconds: float
    duplicates_suppressed: int
    dead_letters_open: int = 0
    dead_letters_oldest_seconds: float = 0.0
    groups_undecided: int = 0
    scheduled: int = 0
    retrying: int = 0
    capacity: int = 0
    rates: Rates = field(default_factory=Rates)


@dataclass(frozen=True, slots=True)
class Totals:
    """What was counted since the beginning, from the rows that are never pruned."""

    counts: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    started: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)


def sample(now: datetime) -> Pulse:
    client = connections.patient()
    paused = set(Queue.objects.filter(paused_at__isnull=False).values_list("name", flat=True))
    mirror.write_paused(client, paused)
    totals = count_all_time()
    pulse = take(client, now=now, paused=paused, totals=totals)
    pulse = replace(pulse, rates=history.add(client, _point(pulse, totals, now=now)))
    client.set(sample_key(), json.dumps(asdict(pulse)), ex=_SAMPLE_KEPT_SECONDS)
    signals.sampled.send(sender=Pulse, pulse=pulse)
    return pulse


def take(client: redis.Redis, *, now: datetime, paused: set[str], totals: Totals | None = None) -> Pulse:
    totals = totals or count_all_time()
    queues = tuple(
        replace(queue, started=totals.started[queue.name], ended=totals.ended[queue.name])
        for queue in count_queues(now=now, paused=paused)
    )
    live = heartbeats.live(client, within_seconds=conf.current().RESCUE_AFTER_SECONDS)
    return Pulse(
        at=now.isoformat(),
        queues=queues,
        active_tasks=sum(queue.running for queue in queues),
        success_tasks=totals.counts["succeeded"],
        failed_tasks=totals.counts["dead"],
        workers_online=len(live),
        journal_lag_seconds=journal.lag_seconds(client),
        duplicates_suppressed=int(client.hget(connections.key("counters"), "duplicates_suppressed") or 0),
        scheduled=count_capped(State.SCHEDULED),
        retrying=count_capped(State.RETRYING),
        capacity=sum(beat.concurrency for beat in live),
        **count_elsewhere(now=now),
    )


def _point(pulse: Pulse, totals: Totals, *, now: datetime) -> Point:
    queues = {
        queue.name: QueuePoint(queue.waiting, round(queue.oldest_seconds, 1), queue.running, queue.started, queue.ended)
        for queue in pulse.queues
    }
    return Point(now.timestamp(), dict(totals.counts), dict(totals.waits), dict(totals.runs), queues)


def count_elsewhere(*, now: datetime) -> dict[str, Any]:
    """What the apps above count, under the names that a pulse has for it."""
    answers: list[tuple[Any, Any]] = list(signals.sampling.send(sender=Pulse, now=now))
    return {name: number for _receiver, answer in answers for name, number in answer.items()}


def sample_key() -> str:
    return connections.key("sample")


def count_queues(*, now: datetime, paused: set[str]) -> tuple[QueuePulse, ...]:
    """From the partial indexes of waiting and running jobs, never from a scan."""
    waiting = {
        row["queue"]: row
        for row in Job.objects.queued().values("queue").annotate(n=Count("id"), oldest=Min("queued_at"))
    }
    running = dict(Job.objects.running().values_list("queue").annotate(n=Count("id")))
    return tuple(
        QueuePulse(
            name=name,
            waiting=waiting[name]["n"] if name in waiting else 0,
            oldest_seconds=_age(waiting[name]["oldest"] if name in waiting else None, now=now),
            running=running.get(name, 0),
            paused=name in paused,
        )
        for name in conf.current().QUEUES
    )


def count_capped(state: State) -> int:
    """Up to the cap by the index of states: beyond it nobody needs to know exactly."""
    return Job.objects.in_state(state).order_by()[:COUNT_CAP].count()


def count_all_time() -> Totals:
    totals = Totals()
    rows = Rollup.objects.filter(minute=ALL_TIME).values_list("queue", "counts", "waits", "runs")
    for queue, counts, waits, runs in rows:
        totals.counts.update(counts)
        totals.waits.update(waits)
        totals.runs.update(runs)
        totals.started[queue] += counts.get("started", 0)
        totals.ended[queue] += sum(counts.get(name, 0) for name in _ENDINGS)
    return totals


def _age(moment: datetime | None, *, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


def read_sample(client: redis.Redis) -> dict[str, Any] | None:
    text = client.get(sample_key())
    return json.loads(str(text)) if text else None
