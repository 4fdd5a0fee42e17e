"""Where the jobs are that have not ended: each waits for something that will come, or runs where somebody sees it run.

What moves while it is looked at may look lost for a moment; these checks settle.
"""

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import islice
from typing import TypeVar

import redis
from django.db.models import QuerySet
from django.utils import timezone

from jobs import conf
from jobs.broker import claims, connections, depth, heartbeats, journal
from jobs.broker.claims import Holder
from jobs.broker.heartbeats import Beat
from jobs.domain.states import WAITING, Event
from jobs.models import Attempt, Job
from jobs.verification.findings import Finding, check

CHUNK = 500
Row = TypeVar("Row", Job, Attempt)


@check(
    "queued_is_somewhere",
    "A queued job has a message, a claim, or a keeper that is about to publish it again.",
    settles=True,
    unaccounted=True,
)
def queued_nowhere() -> Iterator[Finding]:
    client, now = connections.patient(), timezone.now()
    for queue in Job.objects.queued().order_by("queue").values_list("queue", flat=True).distinct():
        yield from _nowhere_in(client, queue, now=now)


def _nowhere_in(client: redis.Redis, queue: str, *, now: datetime) -> Iterator[Finding]:
    looked = depth.look(queue)
    oldest = min(looked.oldest_published_at or now, now)
    waiting = Job.objects.queued().filter(queue=queue)
    overdue = waiting.filter(published_at__lt=oldest - timedelta(seconds=_grace()))
    if looked.messages >= waiting.count() or not overdue.exists():
        return
    messages = _Messages(queue)
    listed = {claim for beat in heartbeats.all_of(client).values() for claim in beat.claims}
    for jobs in _chunks(overdue.only("id", "attempt", "published_at").order_by("published_at", "id")):
        holders = claims.look(client, [(job.id, job.next_attempt) for job in jobs])
        for job, holder in zip(jobs, holders, strict=True):
            on_its_way = _is_on_its_way(client, holder) or (str(job.id), job.next_attempt) in listed
            if not on_its_way and not messages.have((job.id, job.next_attempt)):
                problem = f"is queued since {job.published_at}, but no message of attempt {job.next_attempt} is in Redis and nobody holds its claim"
                yield Finding("queued_is_somewhere", f"job:{job.id}", problem)


def _is_on_its_way(client: redis.Redis, holder: Holder | None) -> bool:
    """A claim says so: it runs, or the keeper repeats its withdrawal, or its outcome is still in the journal."""
    if holder is None:
        return False
    if holder.state == claims.RUNNING or holder.ended in (Event.CANCELLED, Event.EXPIRED):
        return True
    return journal.lag_seconds(client) > 0


@check(
    "running_is_seen",
    "An attempt that runs is listed by a live worker, or its outcome is on its way.",
    settles=True,
    unaccounted=True,
)
def running_unseen() -> Iterator[Finding]:
    client = connections.patient()
    beats, now_ms = heartbeats.all_of(client), connections.redis_ms(client)
    running = Attempt.objects.running().only("job_id", "number", "worker", "incarnation", "beat").order_by("id")
    for attempts in _chunks(running):
        holders = claims.look(client, [(attempt.job_id, attempt.number) for attempt in attempts])
        for attempt, holder in zip(attempts, holders, strict=True):
            problem = _why_unseen(attempt, beats.get(attempt.incarnation), now_ms=now_ms)
            ended = holder is not None and holder.state == claims.OVER
            if problem and not (ended and journal.lag_seconds(client) > 0):
                yield Finding("running_is_seen", f"job:{attempt.job_id}", problem)


def _why_unseen(attempt: Attempt, beat: Beat | None, *, now_ms: int) -> str:
    runs = f"attempt {attempt.number} runs, but its worker {attempt.worker}"
    if beat is None:
        return f"{runs} has no heartbeat"
    silent_seconds = (now_ms - beat.at_ms) / 1000
    if silent_seconds > conf.current().RESCUE_AFTER_SECONDS:
        return f"{runs} was last heard of {silent_seconds:.0f} s ago"
    is_listed = (str(attempt.job_id), attempt.number) in beat.claims
    if is_listed or beat.counter < attempt.beat + conf.current().RESCUE_UNLISTED_BEATS:
        return ""
    return f"{runs} does not list it"


@check("due_is_queued", "A job whose time has come is queued.", settles=True, unaccounted=True)
def overdue() -> Iterator[Finding]:
    late = Job.objects.due(timezone.now() - timedelta(seconds=_grace()))
    for job in late.only("id", "state", "run_at").order_by("run_at").iterator(chunk_size=CHUNK):
        yield Finding("due_is_queued", f"job:{job.id}", f"is {job.state} although it was due at {job.run_at}")


@check("cancels_happen", "A waiting job that somebody cancelled is cancelled.", settles=True, unaccounted=True)
def cancels_left_undone() -> Iterator[Finding]:
    asked = timezone.now() - timedelta(seconds=_grace())
    left = Job.objects.flagged().filter(state__in=sorted(WAITING), cancel_requested_at__lt=asked)
    for job in left.order_by("id").iterator(chunk_size=CHUNK):
        problem = (
            f"is {job.state} although {job.cancel_requested_by or 'somebody'} cancelled it at {job.cancel_requested_at}"
        )
        yield Finding("cancels_happen", f"job:{job.id}", problem)


@check("expiries_happen", "A job that did not start before expires_at is expired.", settles=True, unaccounted=True)
def expiries_left_undone() -> Iterator[Finding]:
    left = Job.objects.overdue_to_expire(timezone.now() - timedelta(seconds=_grace()))
    for job in left.order_by("id").iterator(chunk_size=CHUNK):
        yield Finding("expiries_happen", f"job:{job.id}", f"is {job.state} although it expired at {job.expires_at}")


def _grace() -> float:
    """How long the keeper waits before it acts, and one round of its duties."""
    settings = conf.current()
    return settings.REPUBLISH_GRACE_SECONDS + 2 * settings.DUTY_SECONDS


def _chunks(rows: QuerySet[Row]) -> Iterator[list[Row]]:
    found = rows.iterator(chunk_size=CHUNK)
    while chunk := list(islice(found, CHUNK)):
        yield chunk


class _Messages:
    """Which attempts have a message in a list: eight bytes each, whatever the messages carry."""

    def __init__(self, queue: str) -> None:
        found: array[int] = array("Q")
        start = 0
        while chunk := depth.client().lrange(queue, start, start + CHUNK - 1):
            found.extend(digest for raw in chunk if (digest := _digest_of(raw)))
            start += len(chunk)
        self._sorted = array("Q", sorted(found))

    def have(self, attempt: tuple[object, int]) -> bool:
        digest = _digest(attempt)
        place = bisect_left(self._sorted, digest)
        return place < len(self._sorted) and self._sorted[place] == digest


def _digest_of(raw: bytes | str) -> int | None:
    try:
        headers = json.loads(raw)["headers"]
        return _digest((headers["id"], headers["attempt"]))
    except (ValueError, KeyError, TypeError):
        return None


def _digest(attempt: tuple[object, int]) -> int:
    job_id, number = attempt
    return int.from_bytes(blake2b(f"{job_id}:{number}".encode(), digest_size=8).digest())
