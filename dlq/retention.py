"""Deletes what nobody has to decide about any more: jobs whose letter was discarded long ago, counts beyond every window.

An open letter is never deleted, nor is its job.
"""

from datetime import datetime

from django.db.models import Exists, OuterRef

from dlq import counting
from dlq.models import DeadLetter, Resolution
from jobs.domain.states import State
from jobs.lifecycle import pruning

_BATCH = 500


def prune(now: datetime, *, before: datetime) -> int:
    """One batch: the letters that were discarded before that go with their jobs."""
    discarded = DeadLetter.objects.filter(resolution=Resolution.DISCARDED, resolved_at__lt=before)
    is_open = DeadLetter.objects.filter(resolution=Resolution.OPEN, job=OuterRef("job"))
    ids = discarded.exclude(Exists(is_open)).order_by("resolved_at").values_list("job_id", flat=True)
    deleted = pruning.prune(ids[:_BATCH], states=[State.DEAD])
    counting.prune(now)
    return deleted
