"""Open letters of many groups, as many as wanted: what failures and dead letters are measured on."""

from datetime import datetime, timedelta

from django.db import connection

from dlq.counting import beginning
from dlq.models import DeadLetter, Group, GroupCount, Span
from jobs.domain.states import Burial, State
from jobs.models import Job
from tests import factories

TRACEBACK = 'Traceback (most recent call last):\n  File "shop.py", line 7, in charge\n' * 10


def make(count: int, *, now: datetime, groups: int = 200, counts: bool = True, first: int = 0) -> None:
    """Open letters of many groups, and a week of counts; in bulk, for this is about reading."""
    prints = [f"{number:032x}" for number in range(first, first + groups)]
    per_group = count // groups
    Group.objects.bulk_create(
        Group(
            fingerprint=print_,
            version=1,
            title=f"Refused: kind {number}",
            error_type="shop.Refused",
            tasks=["charge"],
            queues=["default"],
            first_seen=now - timedelta(days=7),
            last_seen=now - timedelta(seconds=number),
            total=per_group,
            open=per_group,
        )
        for number, print_ in enumerate(prints)
    )
    minutes = [(Span.MINUTE, beginning(Span.MINUTE, now) - timedelta(minutes=ago)) for ago in range(0, 240, 2)]
    hours = [(Span.HOUR, beginning(Span.HOUR, now) - timedelta(hours=ago)) for ago in range(0, 192, 2)]
    GroupCount.objects.bulk_create(
        (
            GroupCount(group_id=p, span=span, at=at, count=1)
            for p in prints
            for span, at in (minutes + hours if counts else ())
        ),
        batch_size=2_000,
    )
    for start in range(0, count, 5_000):
        jobs = [factories.build_job(State.DEAD, now=now, task="charge") for _ in range(min(5_000, count - start))]
        Job.objects.bulk_create(jobs, batch_size=1_000)
        DeadLetter.objects.bulk_create(
            (_letter(job, prints[place % groups], now) for place, job in enumerate(jobs)), batch_size=1_000
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _letter(job: Job, print_: str, now: datetime) -> DeadLetter:
    return DeadLetter(
        job=job,
        group_id=print_,
        task=job.task,
        queue=job.queue,
        reason=Burial.EXHAUSTED,
        error_type="shop.Refused",
        error="order 17 was refused",
        traceback=TRACEBACK,
        payload={"order": 17},
        attempts=4,
        created_at=now - timedelta(hours=1),
    )
