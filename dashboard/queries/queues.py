"""The queues: what the keeper's sample says of each, who paused it, who takes from it, how long until it is empty."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dashboard.queries import series, windows, workers
from dashboard.queries.series import Series
from dashboard.queries.workers import Pool, Worker
from jobs import conf
from jobs.intake import registry
from jobs.intake.registry import TaskSpec
from jobs.keeper import sampler
from jobs.models import Queue, Rollup

_MIX_MINUTES = 60
_ENDED = ("succeeded", "retrying", "dead")


@dataclass(frozen=True, slots=True)
class QueueRow:
    name: str
    waiting: int
    oldest_seconds: float
    running: int
    paused: Queue | None
    description: str
    workers: list[Worker]
    in_per_minute: float | None
    out_per_minute: float | None
    spark: Sequence[float | None]

    @property
    def capacity(self) -> int:
        return sum(worker.beat.concurrency for worker in self.workers)

    @property
    def seconds_to_empty(self) -> float | None:
        """At the rate of the last minutes; None when it doesn't shrink."""
        if not self.waiting or not self.out_per_minute:
            return None
        return 60 * self.waiting / self.out_per_minute


@dataclass(frozen=True, slots=True)
class Mix:
    """What one task did in the last hour."""

    task: str
    succeeded: int
    retried: int
    dead: int
    wait_p95: float | None
    run_p95: float | None
    share_percent: float


def read(*, sample: dict[str, Any] | None, now: datetime, only: str = "") -> list[QueueRow]:
    rows = {row.name: row for row in Queue.objects.all()}
    paused = {name for name, row in rows.items() if row.paused_at}
    pulses = sample["queues"] if sample else [_as_pulse(q) for q in sampler.count_queues(now=now, paused=paused)]
    recent = windows.of_range(windows.USUAL, now=now)
    pool, history = (
        workers.read(),
        {q["name"]: series.read(recent, now=now, queue=q["name"], marks=False) for q in pulses},
    )
    return [
        _row(pulse, rows.get(pulse["name"]), pool, history[pulse["name"]])
        for pulse in pulses
        if not only or pulse["name"] == only
    ]


def is_known(name: str) -> bool:
    return name in conf.current().QUEUES


def mix_of(queue: str, *, now: datetime) -> list[Mix]:
    """From the minute rollups of the last hour."""
    since = now.replace(second=0, microsecond=0) - timedelta(minutes=_MIX_MINUTES)
    totals: dict[str, sampler.Totals] = {}
    rows = Rollup.objects.filter(minute__gte=since, queue=queue).values_list("task", "counts", "waits", "runs")
    for task, counts, waits, runs in rows:
        total = totals.setdefault(task, sampler.Totals())
        total.counts.update(counts)
        total.waits.update(waits)
        total.runs.update(runs)
    ended = {task: sum(total.counts[name] for name in _ENDED) for task, total in totals.items()}
    all_ended = sum(ended.values())
    return [
        Mix(
            task,
            total.counts["succeeded"],
            total.counts["retrying"],
            total.counts["dead"],
            series.percentile(total.waits, 0.95),
            series.percentile(total.runs, 0.95),
            100 * ended[task] / all_ended if all_ended else 0.0,
        )
        for task, total in sorted(totals.items(), key=lambda found: -ended[found[0]])
    ]


def tasks_of(queue: str) -> list[TaskSpec]:
    return [spec for spec in registry.every() if spec.options.queue == queue]


def _row(pulse: dict[str, Any], row: Queue | None, pool: Pool, history: Series) -> QueueRow:
    name = pulse["name"]
    change = _per_minute(history.waiting.get(name, []), history.at)
    out = _mean_rate(history)
    return QueueRow(
        name=name,
        waiting=pulse["waiting"],
        oldest_seconds=pulse["oldest_seconds"],
        running=pulse["running"],
        paused=row if row and row.paused_at else None,
        description=row.description if row else "",
        workers=workers.serving(name, pool.workers),
        in_per_minute=max(0.0, out + change) if out is not None and change is not None else None,
        out_per_minute=out,
        spark=history.waiting.get(name, [])[-60:],
    )


def _mean_rate(history: Series) -> float | None:
    """Jobs that left the queue per minute, over the last five minutes."""
    known = [value for value in history.left[-60:] if value is not None]
    return sum(known) / len(known) if known else None


def _per_minute(column: Sequence[float | None], at: Sequence[float]) -> float | None:
    known = [(moment, value) for moment, value in zip(at, column, strict=False) if value is not None][-60:]
    if len(known) < 2 or known[-1][0] <= known[0][0]:
        return None
    return 60 * (known[-1][1] - known[0][1]) / (known[-1][0] - known[0][0])


def _as_pulse(queue: sampler.QueuePulse) -> dict[str, Any]:
    return {name: getattr(queue, name) for name in ("name", "waiting", "oldest_seconds", "running", "paused")}
