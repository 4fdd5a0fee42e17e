"""Counts transitions into the minute rollups. What is counted is a move made in this transaction, never an event heard."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from jobs.domain.states import Event, Outcome
from jobs.lifecycle import rows
from jobs.lifecycle.applying import Case
from jobs.models import Attempt, Job, Rollup
from jobs.models.rollup import ALL_TIME

BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_LABELS = (*(f"{bound:g}" for bound in BOUNDS), "inf")

COUNT_OF_EVENT = {
    Event.SUCCEEDED: "succeeded",
    Event.BURIED: "dead",
    Event.CANCELLED: "cancelled",
    Event.EXPIRED: "expired",
    Event.REQUEUED: "requeued",
}

Key = tuple[datetime, str, str]


@dataclass(slots=True)
class Tally:
    """What one batch adds to one rollup row."""

    counts: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)


def bucket(seconds: float) -> str:
    return _LABELS[bisect_left(BOUNDS, seconds)]


def count(cases: Iterable[Case]) -> dict[Key, Tally]:
    tallies: dict[Key, Tally] = defaultdict(Tally)
    for case in cases:
        for event, at in case.moved:
            if event in COUNT_OF_EVENT:
                tallies[_key(case.job, at)].counts[COUNT_OF_EVENT[event]] += 1
        for attempt in case.started:
            _count_start(tallies, case.job, attempt)
        for attempt in case.waited:
            _count_wait(tallies, case.job, attempt)
        for attempt in case.closed:
            _count_end(tallies, case.job, attempt)
    return tallies


def count_moves(jobs: Iterable[Job], event: Event, *, at: datetime) -> dict[Key, Tally]:
    tallies: dict[Key, Tally] = defaultdict(Tally)
    for job in jobs:
        tallies[_key(job, at)].counts[COUNT_OF_EVENT[event]] += 1
    return tallies


def add(tallies: dict[Key, Tally], *, using: str) -> None:
    """Add to the rows, locked in one order so that two keepers never wait for each other in a circle."""
    if not tallies:
        return
    tallies = {**tallies, **_all_time(tallies)}
    found = _lock(tallies, using=using)
    first = tallies.keys() - found.keys()  # of their minute
    if first:
        new = [Rollup(minute=minute, queue=queue, task=task) for minute, queue, task in sorted(first)]
        Rollup.objects.using(using).bulk_create(new, ignore_conflicts=True)
        found |= _lock(first, using=using)
    for key, row in found.items():
        tally = tallies[key]
        row.counts = dict(Counter(row.counts) + tally.counts)
        row.waits = dict(Counter(row.waits) + tally.waits)
        row.runs = dict(Counter(row.runs) + tally.runs)
    rows.write_rollups(found.values(), using=using)


def _lock(keys: Collection[Key], *, using: str) -> dict[Key, Rollup]:
    minutes, queues, tasks = (set(names) for names in zip(*keys, strict=True))
    found = Rollup.objects.using(using).select_for_update().filter(minute__in=minutes, queue__in=queues, task__in=tasks)
    by_key = {(row.minute, row.queue, row.task): row for row in found.order_by("id")}
    return {key: row for key, row in by_key.items() if key in keys}


def _all_time(tallies: dict[Key, Tally]) -> dict[Key, Tally]:
    """The same counts for the rows that are never pruned, one per queue and task."""
    totals: dict[Key, Tally] = defaultdict(Tally)
    for (_minute, queue, task), tally in tallies.items():
        total = totals[(ALL_TIME, queue, task)]
        total.counts.update(tally.counts)
        total.waits.update(tally.waits)
        total.runs.update(tally.runs)
    return totals


def _key(job: Job, at: datetime) -> Key:
    return at.replace(second=0, microsecond=0), job.queue, job.task


def _count_start(tallies: dict[Key, Tally], job: Job, attempt: Attempt) -> None:
    if attempt.started_at is not None:
        tallies[_key(job, attempt.started_at)].counts["started"] += 1


def _count_wait(tallies: dict[Key, Tally], job: Job, attempt: Attempt) -> None:
    if attempt.started_at is not None and attempt.wait_seconds is not None:
        tallies[_key(job, attempt.started_at)].waits[bucket(attempt.wait_seconds)] += 1


def _count_end(tallies: dict[Key, Tally], job: Job, attempt: Attempt) -> None:
    if attempt.finished_at is None:
        return
    tally = tallies[_key(job, attempt.finished_at)]
    if attempt.outcome != Outcome.SUCCEEDED:
        tally.counts[f"attempt_{attempt.outcome}"] += 1
    if attempt.retry_at is not None:
        tally.counts["retrying"] += 1
    if attempt.run_seconds is not None:
        tally.runs[bucket(attempt.run_seconds)] += 1
