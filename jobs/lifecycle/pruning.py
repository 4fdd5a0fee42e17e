"""Deletes jobs that are past their keeping time, and keeps their number: the books of all time still add up without them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from jobs.lifecycle import rollups
from jobs.lifecycle.moving import skip_locked
from jobs.lifecycle.recording import database
from jobs.lifecycle.rollups import Key, Tally
from jobs.models import Attempt, Job
from jobs.models.job import JobQuerySet
from jobs.models.rollup import ALL_TIME

PRUNED = "pruned_"


def prune(ids: Iterable[UUID], *, states: Iterable[str]) -> int:
    """Delete those of them that are in one of these states still; returns how many."""
    using, wanted = database(), list(ids)
    if not wanted:
        return 0
    with transaction.atomic(using=using):
        asked: JobQuerySet = Job.objects.using(using).filter(id__in=wanted, state__in=list(states))
        gone = list(skip_locked(asked.order_by("id")).values_list("id", flat=True))
        if not gone:
            return 0
        rollups.add(_count(gone, using=using), using=using)
        # The attempts in one statement, and of the jobs the ids alone: Django's cascade reads what it deletes.
        Attempt.objects.using(using).filter(job_id__in=gone).delete()
        Job.objects.using(using).filter(id__in=gone).only("id").delete()
    return len(gone)


def strip(ids: list[UUID], *, at: datetime) -> None:
    """Let payloads, results, logs and tracebacks go; what is left says when, and everything that is counted."""
    if not ids:
        return
    using = database()
    with transaction.atomic(using=using):
        Attempt.objects.using(using).filter(job_id__in=ids).update(log="", traceback="", causes=[])
        jobs = Job.objects.using(using).filter(id__in=ids)
        jobs.update(args=[], payload={}, result=None, options={}, follows=None, stripped_at=at)


def _count(ids: list[UUID], *, using: str) -> dict[Key, Tally]:
    tallies: dict[Key, Tally] = defaultdict(Tally)
    jobs = Job.objects.using(using).filter(id__in=ids).order_by()
    for queue, task, state, count in jobs.values_list("queue", "task", "state").annotate(n=Count("id")):
        tallies[(ALL_TIME, queue, task)].counts[f"{PRUNED}{state}"] += count
    started = Attempt.objects.using(using).filter(job_id__in=ids, started_at__isnull=False).order_by()
    kinds = started.values_list("job__queue", "job__task", "outcome").annotate(n=Count("id"))
    for queue, task, outcome, count in kinds:
        counts: Counter[str] = tallies[(ALL_TIME, queue, task)].counts
        counts[f"{PRUNED}started"] += count
        counts[f"{PRUNED}attempt_{outcome}"] += count
    return tallies
