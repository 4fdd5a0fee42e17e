"""Deletes what is past its keeping time, in small batches: payloads and results first if so wished, then ended jobs.

A dead job stays until a person has decided about it: the dead letters see to those. Spent keys and chords go too.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from jobs import conf, signals
from jobs.domain import retention
from jobs.domain.states import FINAL, State
from jobs.lifecycle import pruning
from jobs.models import Chord, IdempotencyKey, Job, Rollup
from jobs.models.job import JobQuerySet
from jobs.models.rollup import ALL_TIME

_TURN_SECONDS = 0.25  # the leader's other duties wait so long at most
_REST_SECONDS = 0.01  # between two batches the database is others'
OVER = tuple(sorted(FINAL - {State.DEAD}))

Kind = tuple[str, str]  # queue, state


@dataclass(slots=True)
class Pruned:
    """`is_more`: a batch was full, so there may be others."""

    jobs: int = 0
    bodies: int = 0
    keys: int = 0
    chords: int = 0
    is_more: bool = False

    def add(self, other: "Pruned") -> None:
        self.jobs, self.bodies = self.jobs + other.jobs, self.bodies + other.bodies
        self.keys, self.chords = self.keys + other.keys, self.chords + other.chords
        self.is_more = other.is_more


@dataclass(slots=True)
class Sweep:
    """Batches that belong together: what gave less than a full one is not asked again before the next sweep."""

    emptied: set[Kind | str] = field(default_factory=set)
    stripped_until: dict[Kind, datetime] = field(default_factory=dict)  # bodies of before are gone for good

    def take(self, source: Kind | str, batch: Callable[[], int], *, size: int) -> int:
        """How many the next batch of this source was."""
        if source in self.emptied:
            return 0
        count = batch()
        if count < size:
            self.emptied.add(source)
        return count


@dataclass(slots=True)
class Pruner:
    """The leader's duty: a few small batches each time while there is more, else a look now and then."""

    _due: float = field(default=float("-inf"), init=False)
    _sweep: Sweep = field(default_factory=Sweep, init=False)

    def run_once(self, now: datetime) -> Pruned:
        if time.monotonic() < self._due:
            return Pruned()
        total, stop_at = Pruned(is_more=True), time.monotonic() + _TURN_SECONDS
        while total.is_more and time.monotonic() < stop_at:
            total.add(prune(now, sweep=self._sweep))
            time.sleep(_REST_SECONDS)
        if not total.is_more:
            self._sweep.emptied.clear()
            self._due = time.monotonic() + conf.current().PRUNE_SECONDS
        return total


def prune(now: datetime, *, sweep: Sweep | None = None) -> Pruned:
    """One batch of each; `sweep` is kept between the calls that belong together."""
    size, done, sweep = conf.current().PRUNE_BATCH_SIZE, Pruned(), sweep or Sweep()
    kinds = _kinds()
    done.jobs = _delete_jobs(kinds, sweep, now=now, size=size)
    done.bodies = sweep.take("bodies", lambda: _strip(kinds, sweep.stripped_until, now=now, size=size), size=size)
    keys = IdempotencyKey.objects.filter(created_at__lt=_spent(now))
    done.keys = sweep.take("keys", lambda: _delete(keys, size=size), size=size)
    chords = Chord.objects.filter(submitted_at__lt=_usual_end(now))
    done.chords = sweep.take("chords", lambda: _delete(chords, size=size), size=size)
    elsewhere = sweep.take("elsewhere", lambda: _prune_elsewhere(now, size=size), size=size)
    done.is_more = any(count >= size for count in (done.jobs, done.bodies, done.keys, done.chords, elsewhere))
    done.jobs += elsewhere
    return done


def _prune_elsewhere(now: datetime, *, size: int) -> int:
    answers: list[tuple[Any, Any]] = list(signals.pruning.send(sender=Job, now=now, size=size))
    return sum(int(count) for _, count in answers)


def preview(now: datetime) -> dict[Kind, tuple[int, int]]:
    """By queue and state: how many jobs would go, and how many would lose their payload and result alone."""
    found: dict[Kind, tuple[int, int]] = {}
    for kind in _kinds():
        rows = _over(kind, before=_row_end(kind, now=now)).count()
        body_end = _body_end(kind, now=now)
        bodies = _over(kind, before=body_end).filter(stripped_at__isnull=True).count() if body_end else 0
        found[kind] = (rows, max(0, bodies - rows))
    answers: list[tuple[Any, Any]] = list(signals.prunable.send(sender=Job, now=now))
    for _, counts in answers:
        found.update({kind: (count, 0) for kind, count in counts.items()})
    return {kind: counts for kind, counts in sorted(found.items()) if any(counts)}


def end_of(queue: str, state: str, *, now: datetime) -> datetime:
    """Jobs of this queue and state that ended before then are past their keeping time."""
    settings = conf.current()
    seconds = retention.keep_seconds(
        queue, state, usual=settings.KEEP_FINAL_SECONDS, exceptions=settings.KEEP_FINAL_SECONDS_OF
    )
    return now - timedelta(seconds=seconds or 0.0)


def queues() -> list[str]:
    """All that ever had jobs, configured or not."""
    known = Rollup.objects.filter(minute=ALL_TIME).order_by("queue").values_list("queue", flat=True).distinct()
    return sorted({*known, *conf.current().QUEUES})


def _kinds() -> list[Kind]:
    return [(queue, state) for queue in queues() for state in OVER]


def _delete_jobs(kinds: list[Kind], sweep: Sweep, *, now: datetime, size: int) -> int:
    deleted = 0
    for kind in kinds:
        gone = _over(kind, before=_row_end(kind, now=now)).order_by("finished_at").values_list("id", flat=True)
        room = size - deleted
        deleted += sweep.take(kind, partial(pruning.prune, gone[:room], states=[kind[1]]), size=room)
        if deleted >= size:
            break
    return deleted


def _strip(kinds: list[Kind], until: dict[Kind, datetime], *, now: datetime, size: int) -> int:
    stripped = 0
    for kind, end in _with_body_ends(kinds, now=now):
        rows = _over(kind, before=end).filter(stripped_at__isnull=True)
        if kind in until:
            rows = rows.filter(finished_at__gte=until[kind])
        found: list[Any] = list(rows.order_by("finished_at").values_list("id", "finished_at")[: size - stripped])
        pruning.strip([job_id for job_id, _ in found], at=now)
        stripped += len(found)
        if stripped >= size:
            until[kind] = found[-1][1]
            break
        until[kind] = end
    return stripped


def _with_body_ends(kinds: list[Kind], *, now: datetime) -> Iterator[tuple[Kind, datetime]]:
    for kind in kinds:
        end = _body_end(kind, now=now)
        if end is not None:
            yield kind, end


def _over(kind: Kind, *, before: datetime) -> JobQuerySet:
    """Members of a chord stay until its body is submitted: they are counted, and it is given their results."""
    queue, state = kind
    found: JobQuerySet = Job.objects.filter(queue=queue, state=state, finished_at__lt=before)
    return found.exclude(chord_id__in=Chord.objects.filter(submitted_at__isnull=True).values("group_id"))


def _delete(rows: Any, *, size: int) -> int:
    keys = list(rows.values_list("pk", flat=True)[:size])
    if keys:
        rows.model.objects.filter(pk__in=keys).delete()
    return len(keys)


def _row_end(kind: Kind, *, now: datetime) -> datetime:
    return end_of(*kind, now=now)


def _body_end(kind: Kind, *, now: datetime) -> datetime | None:
    settings = conf.current()
    seconds = retention.keep_seconds(
        *kind, usual=settings.KEEP_BODIES_SECONDS, exceptions=settings.KEEP_BODIES_SECONDS_OF
    )
    return None if seconds is None else now - timedelta(seconds=seconds)


def _usual_end(now: datetime) -> datetime:
    return now - timedelta(seconds=conf.current().KEEP_FINAL_SECONDS)


def _spent(now: datetime) -> datetime:
    return now - timedelta(seconds=conf.current().IDEMPOTENCY_KEPT_SECONDS)
