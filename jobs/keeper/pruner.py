"""Deletes what is past its keeping time, in small batches: final jobs (never dead ones), spent idempotency keys."""

from datetime import datetime, timedelta

from jobs import conf, signals
from jobs.domain.states import FINAL, State
from jobs.lifecycle import pruning
from jobs.models import Chord, IdempotencyKey, Job

_BATCH = 500


def prune(now: datetime) -> int:
    """One batch of each. Dead jobs stay until a person has decided about them: the dead letters see to those."""
    settings = conf.current()
    old = now - timedelta(seconds=settings.KEEP_FINAL_SECONDS)
    over = sorted(FINAL - {State.DEAD})
    gone = Job.objects.filter(state__in=over, finished_at__lt=old)
    deleted = pruning.prune(gone.order_by("id").values_list("id", flat=True)[:_BATCH], states=over)
    spent = now - timedelta(seconds=settings.IDEMPOTENCY_KEPT_SECONDS)
    keys = IdempotencyKey.objects.filter(created_at__lt=spent).values_list("id", flat=True)[:_BATCH]
    IdempotencyKey.objects.filter(id__in=list(keys)).delete()
    chords = Chord.objects.filter(submitted_at__lt=old).values_list("group_id", flat=True)[:_BATCH]
    Chord.objects.filter(group_id__in=list(chords)).delete()
    signals.pruning.send(sender=Job, now=now, before=old)
    return deleted
