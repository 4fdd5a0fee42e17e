"""One verb over many jobs: looked at first, then done at once when they are few, or as an operation when they are many."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.utils import timezone

from dashboard import forms
from dashboard.selection import Selection
from dlq import discard, operations, requeue
from dlq.filters import LetterFilter
from dlq.models import DeadLetter, Operation
from dlq.models.operation import Verb
from dlq.operations import Plan
from dlq.resolving import Settled
from jobs.control import cancelling
from jobs.control.cancelling import CANCEL_MAX
from jobs.domain.actors import Actor
from jobs.domain.errors import TallyError
from jobs.domain.states import FINAL, State
from jobs.intake import registry
from jobs.models import Job

AT_ONCE = 100
REASON_ABOVE = 10
_SAMPLE = 5
_CHUNK = 500
_SHARES = 6


class VerbUnknown(TallyError):
    code = "verb_unknown"


@dataclass(frozen=True, slots=True)
class Kind:
    """A verb that jobs in `states` can take."""

    name: str
    label: str
    participle: str
    permission: str
    states: frozenset[str]
    explanation: str
    is_danger: bool = False


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "requeue",
            "Requeue",
            "requeued",
            requeue.PERMISSION,
            frozenset({State.DEAD}),
            "Each runs again under its id, with its full budget of attempts.",
        ),
        Kind(
            "cancel",
            "Cancel",
            "cancelled",
            "jobs.cancel_job",
            frozenset(State) - FINAL,
            "What waits will never start; what runs is stopped by its worker.",
            is_danger=True,
        ),
        Kind(
            "discard",
            "Discard",
            "discarded",
            discard.PERMISSION,
            frozenset({State.DEAD}),
            "They stay dead, never run again, and retention may take them. This can’t be taken back.",
            is_danger=True,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody filled in when confirming."""

    reason: str = ""
    typed: str = ""
    canary: int = 0
    rate_per_second: float | None = None
    stop_above_percent: float | None = None

    @property
    def is_paced(self) -> bool:
        return bool(self.canary) or self.rate_per_second is not None


@dataclass(slots=True)
class Look:
    """The jobs that the verb can touch, and of the others how many there are for each reason."""

    kind: Kind
    jobs: list[Job]
    refused: Counter[str]
    has_more: bool = False

    @property
    def count(self) -> int:
        return len(self.jobs)

    @property
    def shares(self) -> list[tuple[str, list[tuple[str, int]]]]:
        columns = {
            "task": Counter(job.task for job in self.jobs),
            "queue": Counter(job.queue for job in self.jobs),
            "state": Counter(job.state for job in self.jobs),
        }
        return [(name, counted.most_common(_SHARES)) for name, counted in columns.items()]

    @property
    def refusals(self) -> list[tuple[str, int]]:
        return self.refused.most_common()

    @property
    def sample(self) -> list[Job]:
        return self.jobs[:_SAMPLE]

    @property
    def unsafe(self) -> list[str]:
        """The tasks among them that nobody has declared idempotent: what they did before they died, they may do twice."""
        if self.kind.name != "requeue":
            return []
        tasks = sorted({job.task for job in self.jobs})
        return [task for task in tasks if not ((spec := registry.find(task)) and spec.options.idempotent)]

    @property
    def is_operation(self) -> bool:
        return self.kind.name != "cancel" and self.count > AT_ONCE

    @property
    def needs_reason(self) -> bool:
        return self.kind.name == "discard" or self.count > REASON_ABOVE

    @property
    def needs_typing(self) -> bool:
        return forms.needs_typing(self.kind.name, self.count)


@dataclass(slots=True)
class Summary:
    participle: str
    done: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        said = f"{self.done} {self.participle}"
        if self.skipped:
            why = "; ".join(f"{count} {reason}" for reason, count in self.skipped.most_common(3))
            said += f", {self.skipped.total()} skipped: {why}"
        return f"{said}."


def kind_of(verb: str) -> Kind:
    if verb not in KINDS:
        raise VerbUnknown(f"Nothing is called {verb!r} here. Choose one of: {', '.join(KINDS)}.")
    return KINDS[verb]


def look(kind: Kind, selection: Selection, *, actor: Actor) -> Look:
    actor.require(kind.permission)
    seen = Look(kind, [], Counter(), has_more=selection.has_more)
    for job in selection.jobs:
        if why := _refusal(kind, job):
            seen.refused[why] += 1
        else:
            seen.jobs.append(job)
    if kind.name == "cancel" and (surplus := seen.count - CANCEL_MAX) > 0:
        seen.refused[f"beyond the {CANCEL_MAX} that one go may cancel"] = surplus
        seen.jobs = seen.jobs[-CANCEL_MAX:]  # the oldest: they are the next to start
    return seen


def act(seen: Look, asked: Asked, *, actor: Actor) -> Summary | Operation:
    if seen.needs_reason and not asked.reason:
        raise forms.FormInvalid("reason", "Say why: the reason is recorded.")
    forms.check_typed(seen.kind.name, seen.count, asked.typed)
    if seen.kind.name == "cancel":
        return _cancel(seen, asked, actor=actor)
    letters = _open_letters([job.id for job in seen.jobs])
    if letters and (seen.is_operation or asked.is_paced):
        return operations.start(_plan(seen.kind, letters, asked), actor=actor)
    many = requeue.requeue_many if seen.kind.name == "requeue" else discard.discard_many
    settled = many(letters, actor=actor, reason=asked.reason, now=timezone.now())
    return _summed(seen, settled)


def _refusal(kind: Kind, job: Job) -> str:
    if job.state not in kind.states:
        return f"{job.state} already" if kind.name == "cancel" else f"{job.state}, not dead"
    return "being cancelled already" if kind.name == "cancel" and job.cancel_requested_at else ""


def _cancel(seen: Look, asked: Asked, *, actor: Actor) -> Summary:
    ids = [job.id for job in seen.jobs]
    done = cancelling.cancel_many(ids, actor=actor, reason=asked.reason, now=timezone.now())
    return Summary("cancelled", len(done.jobs), seen.refused + Counter(done.refused.values()))


def _plan(kind: Kind, letters: Sequence[UUID], asked: Asked) -> Plan:
    return Plan(
        verb=Verb(kind.name),
        wanted=LetterFilter(ids=tuple(letters)),
        reason=asked.reason,
        canary=asked.canary,
        rate_per_second=asked.rate_per_second,
        stop_above_percent=asked.stop_above_percent,
    )


def _open_letters(job_ids: Sequence[UUID]) -> list[UUID]:
    chunks = (job_ids[start : start + _CHUNK] for start in range(0, len(job_ids), _CHUNK))
    letters = DeadLetter.objects.open()
    return [id_ for chunk in chunks for id_ in letters.filter(job_id__in=chunk).values_list("id", flat=True)]


def _summed(seen: Look, settled: Settled) -> Summary:
    summary = Summary(seen.kind.participle, len(settled.closed), Counter(seen.refused))
    decided = seen.count - len(settled.closed) - len(settled.refused)
    if decided:
        summary.skipped["decided about already"] += decided
    for why in settled.refused.values():
        summary.skipped[why.rstrip(".")] += 1
    return summary
