"""The story of a job on one time axis: for each attempt how long it was delayed, waited, ran, and backed off."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jobs.domain.states import State
from jobs.models import Attempt, Job

WIDTH = 1000.0
_LEAST = 3.0  # a segment that took no time is seen nevertheless


@dataclass(frozen=True, slots=True)
class Segment:
    """`x` and `width` are thousandths of the axis."""

    kind: str
    begins: datetime
    ends: datetime
    x: float
    width: float
    is_live: bool = False

    @property
    def seconds(self) -> float:
        return max(0.0, (self.ends - self.begins).total_seconds())


@dataclass(slots=True)
class Lane:
    number: int
    attempt: Attempt | None
    segments: list[Segment] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Waterfall:
    lanes: list[Lane]
    begins: datetime
    ends: datetime
    ticks: list[tuple[float, float]]  # x, seconds since the beginning

    @property
    def seconds(self) -> float:
        return (self.ends - self.begins).total_seconds()


Piece = tuple[str, datetime, datetime, bool]


def draw(job: Job, attempts: Sequence[Attempt], *, now: datetime, only: int | None = None) -> Waterfall:
    """`only`: the axis is that of one attempt."""
    pieces: list[tuple[int, Attempt | None, list[Piece]]] = [
        (attempt.number, attempt, _pieces(job, attempt, now=now))
        for attempt in attempts
        if only in (None, attempt.number)
    ]
    if only is None and job.state in (State.SCHEDULED, State.QUEUED, State.RETRYING):
        pieces.append((job.attempt + 1, None, _waiting(job, now=now)))
    first = [job.created_at] if only is None else []
    moments = [*first, *(moment for _, _, some in pieces for piece in some for moment in piece[1:3])] or [
        job.created_at
    ]
    begins, ends = min(moments), max(*moments, min(moments) + timedelta(milliseconds=100))
    total = (ends - begins).total_seconds()
    lanes = [
        Lane(number, attempt, [_segment(piece, begins=begins, total=total) for piece in some])
        for number, attempt, some in pieces
    ]
    return Waterfall(lanes, begins, ends, [(WIDTH * n / 4, total * n / 4) for n in range(5)])


def _pieces(job: Job, attempt: Attempt, *, now: datetime) -> list[Piece]:
    if attempt.started_at is None:
        return []
    queued = attempt.started_at - timedelta(seconds=attempt.wait_seconds or 0.0)
    found: list[Piece] = []
    if attempt.number == 1 and (queued - job.created_at).total_seconds() > 1:
        found.append(("scheduled", job.created_at, queued, False))
    found.append(("waiting", queued, attempt.started_at, False))
    is_live = attempt.finished_at is None and job.state == State.RUNNING and attempt.number == job.attempt
    ended = attempt.finished_at or (now if is_live else attempt.started_at)
    found.append(("running", attempt.started_at, max(ended, attempt.started_at), is_live))
    if attempt.retry_at is not None and attempt.finished_at is not None:
        ends = min(attempt.retry_at, now) if job.attempt > attempt.number else attempt.retry_at
        found.append(("backoff", attempt.finished_at, max(ends, attempt.finished_at), False))
    return found


def _waiting(job: Job, *, now: datetime) -> list[Piece]:
    if job.state == State.QUEUED and job.queued_at is not None:
        return [("waiting", job.queued_at, max(now, job.queued_at), True)]
    if job.state == State.SCHEDULED and job.run_at is not None:
        return [("scheduled", job.created_at, max(job.run_at, job.created_at), True)]
    return []


def _segment(piece: Piece, *, begins: datetime, total: float) -> Segment:
    kind, first, last, is_live = piece
    x = WIDTH * (first - begins).total_seconds() / total
    width = max(_LEAST, WIDTH * (last - first).total_seconds() / total)
    return Segment(
        kind, first, last, round(min(x, WIDTH - _LEAST), 1), round(min(width, WIDTH - x + _LEAST), 1), is_live
    )
