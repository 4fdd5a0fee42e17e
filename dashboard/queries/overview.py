"""The first screen: is work flowing, what is failing, what is oldest, are workers alive?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.queries import concerns, series, summaries, windows, workers
from dashboard.queries.concerns import Concern
from dashboard.queries.series import Series
from dashboard.queries.windows import Window
from dashboard.queries.workers import Pool
from jobs.domain.actors import Actor
from jobs.keeper import sampler
from jobs.models import Action, Attempt, Job, Queue

FEED_LENGTH = 16
SPARK_POINTS = 60


@dataclass(frozen=True, slots=True)
class Tile:
    """`live` is the path of its value in a frame of the socket; `level` is "", "warn" or "alarm"."""

    key: str
    label: str
    value: float | None
    format: str
    live: str
    url: str
    query: str = ""
    note: str = ""
    delta: float | None = None
    since: str = "5 min ago"
    level: str = ""
    spark: Sequence[float | None] = ()


@dataclass(frozen=True, slots=True)
class Event:
    at: datetime
    attempt: Attempt | None = None
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    tiles: list[Tile]
    concerns: list[Concern]
    events: list[Event]
    series: Series
    summaries: dict[str, str]
    queues: list[dict[str, Any]]
    is_empty: bool
    pool: Pool


def read(*, actor: Actor, sample: dict[str, Any] | None, window: Window, now: datetime) -> Overview:
    pool = workers.read()
    is_silent = sample is None
    sample = sample or _counted(now=now)
    shown = series.read(window, now=now)
    recent = shown if window.name == windows.USUAL else _recent(now)
    events = feed(actor)
    return Overview(
        tiles=_tiles(sample, recent),
        concerns=concerns.find(sample, actor=actor, is_silent=is_silent, pool=pool, now=now),
        events=events,
        series=shown,
        summaries=summaries.of(shown),
        queues=sample["queues"],
        is_empty=not events and not Job.objects.exists(),
        pool=pool,
    )


def _recent(now: datetime) -> Series:
    """What the tiles draw, whatever the charts show."""
    return series.read(windows.of_range(windows.USUAL, now=now), now=now, marks=False)


def feed(actor: Actor) -> list[Event]:
    """The newest attempts and the newest things that people did, by the primary keys."""
    attempts = Attempt.objects.select_related("job").only(
        "id",
        "number",
        "outcome",
        "worker",
        "started_at",
        "finished_at",
        "run_seconds",
        "job__id",
        "job__task",
        "job__state",
    )
    events = [
        Event(at, attempt=attempt)
        for attempt in attempts.order_by("-id")[:FEED_LENGTH]
        if (at := attempt.finished_at or attempt.started_at)
    ]
    if actor.may("jobs.view_action"):
        events += [Event(action.at, action=action) for action in Action.objects.order_by("-id")[:5]]
    return sorted(events, key=lambda event: event.at, reverse=True)[:FEED_LENGTH]


def _counted(*, now: datetime) -> dict[str, Any]:
    """In place of the keeper's sample, when there is none: what SQL says now."""
    paused = set(Queue.objects.filter(paused_at__isnull=False).values_list("name", flat=True))
    queues = sampler.count_queues(now=now, paused=paused)
    return {
        "queues": [
            {
                "name": q.name,
                "waiting": q.waiting,
                "oldest_seconds": q.oldest_seconds,
                "running": q.running,
                "paused": q.paused,
            }
            for q in queues
        ],
        "active_tasks": sum(queue.running for queue in queues),
        "rates": {},
    }


def _tiles(sample: dict[str, Any], history: Series) -> list[Tile]:
    rates = sample.get("rates") or {}
    waiting = sum(queue["waiting"] for queue in sample["queues"])
    oldest = max((queue["oldest_seconds"] for queue in sample["queues"]), default=0.0)
    rate, before, failing = (rates.get(k) for k in ("ended_per_minute", "ended_per_minute_before", "failure_percent"))
    ended = [_sum(columns) for columns in zip(history.succeeded, history.retried, history.dead, strict=True)]
    failed = [_share(columns) for columns in zip(history.succeeded, history.retried, history.dead, strict=True)]
    undecided = sample.get("groups_undecided", 0)
    died = _ended(history.dead[-SPARK_POINTS:], step=history.step)
    return [
        Tile("running", "Running", sample["active_tasks"], "count", "active_tasks", "dashboard:jobs", "state:running",
             f"of {sample.get('capacity', 0)} places", delta=_change(history.running), spark=_tail(history.running)),
        Tile("waiting", "Waiting", waiting, "count", "waiting", "dashboard:jobs", "state:queued",
             f"{sample.get('scheduled', 0)} scheduled, {sample.get('retrying', 0)} retrying",
             delta=_change(history.total_waiting), spark=_tail(history.total_waiting)),
        Tile("oldest", "Oldest waiting", oldest, "age", "oldest_seconds", "dashboard:jobs", "state:queued sort:oldest",
             "for a free worker", delta=_change(history.age), level=concerns.waiting_level(oldest), spark=_tail(history.age)),
        Tile("rate", "Ended per minute", rate, "rate", "rates.ended_per_minute", "dashboard:jobs", "state:succeeded",
             "attempts, last minute", delta=rate - before if rate is not None and before is not None else None,
             since="the minute before", spark=_tail(ended)),
        Tile("failing", "Failing", failing, "percent", "rates.failure_percent", "dashboard:failures", "",
             "of attempts, 5 minutes", delta=_change_of_share(history), since="the 5 min before",
             level=concerns.failing_level(failing), spark=_tail(failed)),
        Tile("dead", "Dead", sample.get("dead_letters_open", 0), "count", "dead_letters_open", "dashboard:dead", "",
             f"{undecided} undecided group{'' if undecided == 1 else 's'}", delta=died or None, since="5 min ago, newly dead",
             level="warn" if undecided else "", spark=_tail(history.dead)),
    ]  # fmt: skip


def _tail(column: Sequence[float | None]) -> list[float | None]:
    return list(column[-SPARK_POINTS:])


def _sum(values: Sequence[float | None]) -> float | None:
    return sum(v for v in values if v is not None) if any(v is not None for v in values) else None


def _share(values: Sequence[float | None]) -> float | None:
    total = _sum(values)
    return 100 * (total - (values[0] or 0)) / total if total else None


def _ended(per_minute: Sequence[float | None], *, step: int) -> float:
    return float(round(sum(rate for rate in per_minute if rate is not None) * step / 60))


def _change(column: Sequence[float | None]) -> float | None:
    """Of a gauge, over the stretch that the sparkline shows."""
    known = [value for value in column[-SPARK_POINTS:] if value is not None]
    return known[-1] - known[0] if len(known) > 1 else None


def _change_of_share(history: Series) -> float | None:
    """Of what failed among what ended: these five minutes against the five before, in points."""
    columns = (history.succeeded, history.retried, history.dead)
    now = _share([_sum(column[-SPARK_POINTS:]) for column in columns])
    before = _share([_sum(column[-2 * SPARK_POINTS : -SPARK_POINTS]) for column in columns])
    return now - before if now is not None and before is not None else None
