"""The charts' columns, computed from the rings of past pulses: what ended, how long it took, what waited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.db.models import Q

from dashboard.queries.windows import Window
from jobs.broker import connections
from jobs.keeper import history
from jobs.keeper.history import Point
from jobs.lifecycle.rollups import BOUNDS
from jobs.models import Action
from jobs.models.ids import lowest_at

QUEUES_SHOWN = 7
MARKED_VERBS = ("pause", "resume", "purge", "requeue", "discard", "release", "quiet", "wake", "shutdown")
MARKS_SHOWN = 20
_GAP = 2.5  # steps without a point: nobody was counting


@dataclass(slots=True)
class Series:
    """Equally long columns; None is a gap. `partial`: the newest bucket is not over yet."""

    step: int
    now: float = 0.0
    until: float | None = None
    span: float = 0.0
    partial: bool = False
    at: list[float] = field(default_factory=list)
    succeeded: list[float | None] = field(default_factory=list)
    retried: list[float | None] = field(default_factory=list)
    dead: list[float | None] = field(default_factory=list)
    wait_p50: list[float | None] = field(default_factory=list)
    wait_p95: list[float | None] = field(default_factory=list)
    wait_p99: list[float | None] = field(default_factory=list)
    run_p95: list[float | None] = field(default_factory=list)
    age: list[float | None] = field(default_factory=list)
    running: list[float | None] = field(default_factory=list)
    left: list[float | None] = field(default_factory=list)
    waiting: dict[str, list[float | None]] = field(default_factory=dict)
    marks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def total_waiting(self) -> list[float | None]:
        return [
            sum(v for v in column if v is not None) if any(v is not None for v in column) else None
            for column in zip(*self.waiting.values(), strict=True)
        ]


def read(window: Window, *, now: datetime, queue: str = "", marks: bool = True) -> Series:
    points, newest = _points(window)
    series = build([*points, *newest], step=window.step, queue=queue)
    series.partial = bool(newest and series.at)
    series.now, series.until = now.timestamp(), window.until.timestamp() if window.until else None
    series.span = window.span_seconds(now=now)
    if marks:
        series.marks = find_marks(window, queue=queue)
    return series


def _points(window: Window) -> tuple[list[Point], list[Point]]:
    """Those of the window's ring, and the newest pulse, when that is in a bucket which is not over yet."""
    try:
        client = connections.hasty()
        points = history.read(client, step=window.step, since=window.since.timestamp())
        newest = history.newest(client) if points and window.until is None else None
    except connections.Unavailable:
        return [], []
    if window.until is not None:
        points = [point for point in points if point.at <= window.until.timestamp()]
    is_later = newest is not None and newest.at - points[-1].at > history.FINEST
    return points, [newest] if newest is not None and is_later else []


def build(points: Sequence[Point], *, step: int, queue: str = "") -> Series:
    series = Series(step)
    names = [queue] if queue else sorted({name for point in points for name in point.queues})[:QUEUES_SHOWN]
    series.waiting = {name: [] for name in names}
    for before, point in pairwise(points):
        seconds = point.at - before.at
        if seconds <= 0:
            continue
        if seconds > _GAP * step:
            _append_gap(series, before.at + step)
        _append(series, before, point, queue=queue)
    return series


def find_marks(window: Window, *, queue: str = "") -> list[dict[str, Any]]:
    """What people did to queues, groups and workers in that time, and what was released, newest first."""
    done = Action.objects.filter(id__gte=lowest_at(window.since), verb__in=MARKED_VERBS)
    done = done.exclude(object__startswith="job:")
    if window.until is not None:
        done = done.filter(id__lt=lowest_at(window.until))
    if queue:
        done = done.filter(Q(object=f"queue:{queue}") | Q(verb="release"))
    return [_mark(action) for action in done.order_by("-id")[:MARKS_SHOWN]]


def _mark(action: Action) -> dict[str, Any]:
    label = f"{action.verb} {action.object.partition(':')[2][:24]}"
    return {"at": action.at.timestamp(), "label": label, "text": f"{label} by {action.actor}"}


def percentile(histogram: Mapping[str, int], share: float) -> float | None:
    """By interpolation inside the bucket; the last bucket has no end, so it answers with its beginning."""
    buckets = sorted((float(bound), count) for bound, count in histogram.items() if count > 0)
    total = sum(count for _, count in buckets)
    if not total:
        return None
    wanted, seen = share * total, 0
    for bound, count in buckets:
        below = max((b for b in BOUNDS if b < bound), default=0.0)
        if seen + count >= wanted:
            return below if bound == float("inf") else round(below + (bound - below) * (wanted - seen) / count, 3)
        seen += count
    return None


def since_before(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in now.items()}


def _append(series: Series, before: Point, point: Point, *, queue: str) -> None:
    per_minute = 60 / (point.at - before.at)
    good, again, dead = (
        max(0, b - a) * per_minute
        for a, b in zip(history.ended(before.counts), history.ended(point.counts), strict=True)
    )
    waits, runs = since_before(point.waits, before.waits), since_before(point.runs, before.runs)
    queues = [point.queues[queue]] if queue and queue in point.queues else list(point.queues.values())
    series.at.append(round(point.at, 1))
    series.succeeded.append(round(good, 1))
    series.retried.append(round(again, 1))
    series.dead.append(round(dead, 1))
    series.wait_p50.append(percentile(waits, 0.50))
    series.wait_p95.append(percentile(waits, 0.95))
    series.wait_p99.append(percentile(waits, 0.99))
    series.run_p95.append(percentile(runs, 0.95))
    series.age.append(max((one.oldest_seconds for one in queues), default=0.0))
    series.running.append(sum(one.running for one in queues))
    series.left.append(_left(before, point, queue) * per_minute)
    for name, column in series.waiting.items():
        column.append(point.queues[name].waiting if name in point.queues else None)


def _left(before: Point, point: Point, queue: str) -> int:
    """How many attempts left the waiting, of one queue or of all."""
    names = [queue] if queue else list(point.queues)
    pairs = [
        (before.queues[name], point.queues[name])
        for name in names
        if {name} <= before.queues.keys() & point.queues.keys()
    ]
    return sum(max(0, last.started - first.started) for first, last in pairs)


def _append_gap(series: Series, at: float) -> None:
    series.at.append(round(at, 1))
    for column in (
        series.succeeded,
        series.retried,
        series.dead,
        series.wait_p50,
        series.wait_p95,
        series.wait_p99,
        series.run_p95,
        series.age,
        series.running,
        series.left,
        *series.waiting.values(),
    ):
        column.append(None)
