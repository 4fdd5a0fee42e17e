"""Deletes what nobody has to decide about any more: jobs whose letter was discarded long ago, counts beyond every window.

An open letter is never deleted, nor is its job.
"""

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from dlq import counting
from dlq.models import DeadLetter, Resolution
from jobs.domain.states import State
from jobs.keeper import pruner
from jobs.lifecycle import pruning


def prune(now: datetime, *, size: int) -> int:
    """One batch: the letters that were discarded long ago go with their jobs. Returns how many jobs that were."""
    deleted = 0
    for queue in pruner.queues():
        ids = _discarded(queue, now=now).order_by("resolved_at").values_list("job_id", flat=True)
        deleted += pruning.prune(ids[: size - deleted], states=[State.DEAD])
        if deleted >= size:
            break
    counting.prune(now)
    return deleted


def count(now: datetime) -> dict[tuple[str, str], int]:
    """How many jobs `prune` would delete by and by."""
    return {
        (queue, State.DEAD.value): _discarded(queue, now=now).values("job_id").distinct().count()
        for queue in pruner.queues()
    }


def _discarded(queue: str, *, now: datetime) -> QuerySet[DeadLetter]:
    before = pruner.end_of(queue, State.DEAD, now=now)
    letters = DeadLetter.objects.filter(resolution=Resolution.DISCARDED, resolved_at__lt=before, job__queue=queue)
    is_open = DeadLetter.objects.filter(resolution=Resolution.OPEN, job=OuterRef("job"))
    return letters.filter(job__state=State.DEAD).exclude(Exists(is_open))
