"""What `manage.py top` draws: the pulse, the queues, and what runs now, in the order the reader chose."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from jobs.domain.states import Outcome
from jobs.management.looking import Look
from jobs.models import Attempt

RUNNING_MAX = 500  # of those running longest; nobody reads more
_BAR_CELLS = 20


@dataclass(frozen=True, slots=True)
class Running:
    job_id: str
    task: str
    queue: str
    worker: str
    attempt: int
    seconds: float
    progress: float | None


_ORDERS: dict[str, Callable[[Running], Any]] = {
    "run time": lambda one: -one.seconds,
    "task": lambda one: (one.task, -one.seconds),
    "queue": lambda one: (one.queue, -one.seconds),
    "worker": lambda one: (one.worker, -one.seconds),
    "attempt": lambda one: (-one.attempt, -one.seconds),
}


@dataclass(slots=True)
class Choice:
    """What the reader has chosen by keys."""

    order: str = "run time"
    is_reversed: bool = False
    is_paused: bool = False
    is_over: bool = False

    def press(self, key: str) -> None:
        names = list(_ORDERS)
        match key:
            case "s":
                self.order = names[(names.index(self.order) + 1) % len(names)]
            case "r":
                self.is_reversed = not self.is_reversed
            case "p" | " ":
                self.is_paused = not self.is_paused
            case "q" | "\x1b":
                self.is_over = True


@dataclass(frozen=True, slots=True)
class View:
    """One moment. `trouble` is said when something could not be asked; what is shown then is older."""

    at: datetime
    look: Look
    running: Sequence[Running]
    rates: Mapping[str, float] = field(default_factory=dict)
    trouble: str = ""


def running(*, now: datetime) -> list[Running]:
    attempts = Attempt.objects.filter(outcome=Outcome.RUNNING, started_at__isnull=False).order_by("started_at")
    columns = ("job_id", "job__task", "job__queue", "worker", "number", "started_at", "job__progress_percent")
    return [
        Running(str(job_id), task, queue, worker, number, max(0.0, (now - started_at).total_seconds()), percent)
        for job_id, task, queue, worker, number, started_at, percent in attempts.values_list(*columns)[:RUNNING_MAX]
    ]


def rates(before: Look | None, after: Look) -> dict[str, float]:
    """Attempts that ended, per minute and queue, between two samples."""
    first = {queue["name"]: queue for queue in (before.sampled.get("queues", []) if before else [])}
    seconds = _seconds_between(before, after)
    if not seconds:
        return {}
    return {
        queue["name"]: max(0, queue["ended"] - first[queue["name"]]["ended"]) * 60 / seconds
        for queue in after.sampled.get("queues", [])
        if queue["name"] in first
    }


def draw(view: View, choice: Choice, *, height: int, keys: bool = True) -> RenderableType:
    parts: list[RenderableType] = [_pulse(view, choice), Text(), _queues(view), Text()]
    rows = max(1, height - len(view.look.counted["queues"]) - 9)
    parts.append(_running(view, choice, rows=rows))
    if keys:
        order = f"{choice.order}{', reversed' if choice.is_reversed else ''}"
        parts.append(Text(f"\ns sort ({order}) · r reverse · p pause · q quit", style="dim"))
    return Group(*parts)


def _pulse(view: View, choice: Choice) -> Text:
    counted, sampled = view.look.counted, view.look.sampled
    workers = counted["workers_online"]
    text = Text.assemble(("Tally", "bold"), f"  {view.at:%Y-%m-%d %H:%M:%S} UTC")
    if choice.is_paused:
        text.append("  paused: what you see does not move", style="reverse")
    if view.trouble:
        text.append(f"  {view.trouble}", style="bold red")
    text.append(f"\nworkers {'?' if workers is None else workers} · running {counted['active_tasks']}")
    text.append(f" · succeeded {counted['success_tasks']:,} · dead {counted['failed_tasks']:,}")
    if not sampled:
        text.append("\nno sample: no keeper leads, or Redis is away", style="bold red")
        return text
    per_minute, failing = sampled["rates"]["ended_per_minute"], sampled["rates"]["failure_percent"]
    text.append(f"\nscheduled {sampled['scheduled']:,} · retrying {sampled['retrying']:,}")
    text.append(f" · open dead letters {sampled['dead_letters_open']:,}")
    text.append(f" · {'–' if per_minute is None else f'{per_minute:,.0f}'} attempts a minute")
    text.append(f" · {'–' if failing is None else f'{failing:.1f}'} % failing")
    text.append(f" · journal lag {sampled['journal_lag_seconds']:.2f} s")
    return text


def _queues(view: View) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("queue", "waiting", "", "oldest s", "running", "a minute", "paused"):
        table.add_column(name, justify="right" if name in {"waiting", "oldest s", "running", "a minute"} else "left")
    queues = view.look.counted["queues"]
    most = max((queue["waiting"] for queue in queues), default=0) or 1
    for queue in queues:
        rate = view.rates.get(queue["name"])
        table.add_row(
            queue["name"],
            f"{queue['waiting']:,}",
            "█" * round(_BAR_CELLS * queue["waiting"] / most),
            f"{queue['oldest_seconds']:.1f}",
            str(queue["running"]),
            "–" if rate is None else f"{rate:,.0f}",
            "paused" if queue["paused"] else "",
        )
    return table


def _running(view: View, choice: Choice, *, rows: int) -> RenderableType:
    if not view.running:
        return Text("Nothing runs.", style="dim")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("runs now", "task", "queue", "attempt", "seconds", "done", "worker"):
        table.add_column(name, justify="right" if name in {"attempt", "seconds", "done"} else "left", no_wrap=True)
    ordered = sorted(view.running, key=_ORDERS[choice.order], reverse=choice.is_reversed)
    for one in ordered[:rows]:
        done = "" if one.progress is None else f"{one.progress:.0f} %"
        table.add_row(one.job_id, one.task, one.queue, str(one.attempt), f"{one.seconds:.1f}", done, one.worker)
    hidden = len(ordered) - rows
    return Group(table, Text(f"and {hidden} more", style="dim")) if hidden > 0 else table


def _seconds_between(before: Look | None, after: Look) -> float:
    if before is None or not before.sampled or not after.sampled:
        return 0.0
    first, last = (datetime.fromisoformat(look.sampled["at"]) for look in (before, after))
    return (last - first).total_seconds()
