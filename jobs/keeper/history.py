"""What the charts draw: rings of past pulses in Redis, one ring for each step, whatever the tables hold.

A point has gauges and counts since the beginning, so the difference of any two is what happened between them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import redis

from jobs.broker import connections

# Step in seconds → points kept: 15 minutes, 1 hour, 6 hours, a day, a week, and what a difference needs besides.
RINGS: dict[int, int] = {5: 190, 15: 250, 60: 370, 300: 300, 1800: 350}
FINEST = min(RINGS)
_RATE_SECONDS, _FAILURE_SECONDS = 60, 300


@dataclass(frozen=True, slots=True)
class QueuePoint:
    waiting: int = 0
    oldest_seconds: float = 0.0
    running: int = 0
    started: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """`counts`, `waits` and `runs` are totals of all time; `queues` are gauges, and totals per queue."""

    at: float
    counts: Mapping[str, int] = field(default_factory=dict)
    waits: Mapping[str, int] = field(default_factory=dict)
    runs: Mapping[str, int] = field(default_factory=dict)
    queues: Mapping[str, QueuePoint] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rates:
    """What happened lately. None: nothing is known, or nothing ended."""

    ended_per_minute: float | None = None
    ended_per_minute_before: float | None = None
    failure_percent: float | None = None


def add(client: redis.Redis, point: Point) -> Rates:
    """Append the point to every ring whose next step has come."""
    with client.pipeline(transaction=False) as pipeline:
        for step in RINGS:
            pipeline.lindex(_key(step), 0)
        pipeline.lrange(_key(FINEST), 0, _FAILURE_SECONDS // FINEST)
        *newest, recent = pipeline.execute()
    text = written(point)
    with client.pipeline(transaction=False) as pipeline:
        for (step, kept), last in zip(RINGS.items(), newest, strict=True):
            if last is None or int(json.loads(last)["at"] // step) < int(point.at // step):
                pipeline.lpush(_key(step), text)
                pipeline.ltrim(_key(step), 0, kept - 1)
        pipeline.execute()
    return rates(point, [_read(one) for one in recent])


def read(client: redis.Redis, *, step: int, since: float) -> list[Point]:
    """Oldest first, and the last one before `since`, from which the first difference is taken."""
    found = [_read(text) for text in cast("list[str]", client.lrange(_key(step), 0, -1))]
    inside = [point for point in found if point.at >= since]
    return [*reversed(found[: len(inside) + 1])]


def newest(client: redis.Redis) -> Point | None:
    """The last pulse that was kept."""
    text = client.lindex(_key(FINEST), 0)
    return _read(str(text)) if text else None


def ended(counts: Mapping[str, int]) -> tuple[int, int, int]:
    """Attempts that succeeded, that will be tried again, and that were their job's last."""
    return counts.get("succeeded", 0), counts.get("retrying", 0), counts.get("dead", 0)


def rates(now: Point, recent: Sequence[Point]) -> Rates:
    """`recent`: newest first."""
    minute, two, five = (
        _before(now, recent, seconds) for seconds in (_RATE_SECONDS, 2 * _RATE_SECONDS, _FAILURE_SECONDS)
    )
    good, again, dead = _between(five, now)
    total = good + again + dead
    return Rates(
        ended_per_minute=_per_minute(minute, now),
        ended_per_minute_before=_per_minute(two, minute) if minute and two is not minute else None,
        failure_percent=100 * (again + dead) / total if total > 0 else None,
    )


def _before(now: Point, recent: Sequence[Point], seconds: float) -> Point | None:
    """The youngest point of at least that age, or else the oldest there is."""
    older = [point for point in recent if point.at <= now.at - seconds]
    return older[0] if older else (recent[-1] if recent and recent[-1].at < now.at else None)


def _between(first: Point | None, last: Point) -> tuple[int, ...]:
    if first is None:
        return 0, 0, 0
    return tuple(max(0, b - a) for a, b in zip(ended(first.counts), ended(last.counts), strict=True))


def _per_minute(first: Point | None, last: Point) -> float | None:
    if first is None or last.at <= first.at:
        return None
    return sum(_between(first, last)) * 60 / (last.at - first.at)


def _key(step: int) -> str:
    return connections.key("history", step)


def written(point: Point) -> str:
    return json.dumps(asdict(point), separators=(",", ":"))


def _read(text: str) -> Point:
    given: dict[str, Any] = json.loads(text)
    given["queues"] = {name: QueuePoint(**values) for name, values in given["queues"].items()}
    return Point(**given)
