"""One verb over the few jobs that somebody ticked: what was done, what was not, and why, in one sentence."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.utils import timezone

from dlq import discard, requeue
from dlq.models import DeadLetter
from dlq.resolving import Settled
from jobs.control import cancelling
from jobs.domain.actors import Actor
from jobs.domain.errors import StateConflict, TallyError

BULK_LIMIT = 100


class TooMany(TallyError):
    code = "too_many"

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} jobs are too many for one go: tick at most {BULK_LIMIT}, or start an operation.")


class VerbUnknown(TallyError):
    code = "verb_unknown"


@dataclass(slots=True)
class Summary:
    participle: str
    done: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        said = f"{self.done} {self.participle}"
        if self.skipped:
            why = "; ".join(f"{count} {reason}" for reason, count in self.skipped.most_common(3))
            said += f", {sum(self.skipped.values())} skipped: {why}"
        return f"{said}."


def act(verb: str, job_ids: Sequence[UUID], *, actor: Actor, reason: str) -> Summary:
    if len(job_ids) > BULK_LIMIT:
        raise TooMany(len(job_ids))
    if verb not in _VERBS:
        raise VerbUnknown(f"Nothing is called {verb!r} here. Choose one of: {', '.join(_VERBS)}.")
    return _VERBS[verb](job_ids, actor, reason)


def _cancel(job_ids: Sequence[UUID], actor: Actor, reason: str) -> Summary:
    summary = Summary("cancelled")
    for job_id in job_ids:
        try:
            cancelling.cancel(job_id, actor=actor, reason=reason)
            summary.done += 1
        except (StateConflict, cancelling.JobUnknown):
            summary.skipped["over already"] += 1
    return summary


def _requeue(job_ids: Sequence[UUID], actor: Actor, reason: str) -> Summary:
    letters = _open_letters(job_ids)
    settled = requeue.requeue_many(letters, actor=actor, reason=reason, now=timezone.now())
    return _summed("requeued", job_ids, settled)


def _discard(job_ids: Sequence[UUID], actor: Actor, reason: str) -> Summary:
    letters = _open_letters(job_ids)
    settled = discard.discard_many(letters, actor=actor, reason=reason, now=timezone.now())
    return _summed("discarded", job_ids, settled)


def _open_letters(job_ids: Sequence[UUID]) -> list[UUID]:
    return list(DeadLetter.objects.open().filter(job_id__in=job_ids).values_list("id", flat=True))


def _summed(participle: str, job_ids: Sequence[UUID], settled: Settled) -> Summary:
    summary = Summary(participle, done=len(settled.closed))
    missing = len(job_ids) - len(settled.closed) - len(settled.refused)
    if missing:
        summary.skipped["not dead any more"] += missing
    for why in settled.refused.values():
        summary.skipped[why.rstrip(".")] += 1
    return summary


_VERBS: dict[str, Callable[[Sequence[UUID], Actor, str], Summary]] = {
    "cancel": _cancel,
    "requeue": _requeue,
    "discard": _discard,
}
