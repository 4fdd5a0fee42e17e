"""What requeueing and discarding share: lock, refuse what is not open, close the letters, count, leave Action rows.

Locks are taken in one order everywhere: jobs by id, groups by fingerprint, then the letters, which their jobs guard.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from dlq import groups
from dlq.models import DeadLetter, Group, Operation, Resolution
from jobs.control import actions
from jobs.domain.actors import Actor
from jobs.domain.errors import NotThere, StateConflict
from jobs.domain.states import State
from jobs.lifecycle.recording import database
from jobs.models import Action, Job

_GONE = "is not there any more."


class LetterUnknown(NotThere):
    code = "letter_unknown"

    def __init__(self, letter_id: object) -> None:
        super().__init__(f"There is no dead letter {letter_id}.")


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides what about letters, and why."""

    resolution: Resolution
    actor: Actor
    reason: str
    at: datetime
    operation: Operation | None = None


@dataclass(slots=True)
class Settled:
    """The letters that were closed, and of the others the reason why not."""

    closed: list[DeadLetter] = field(default_factory=list)
    refused: dict[UUID, str] = field(default_factory=dict)


@dataclass(slots=True)
class Held:
    """Letters whose jobs and groups are locked by this transaction."""

    letters: list[DeadLetter]
    groups: dict[str, Group]
    refused: dict[UUID, str]


def only(settled: Settled) -> DeadLetter:
    """The one letter of a single verb, or the conflict."""
    if settled.closed:
        return settled.closed[0]
    letter_id, why = next(iter(settled.refused.items()))
    if why == _GONE:
        raise LetterUnknown(letter_id)
    raise StateConflict(f"Dead letter {letter_id} {why}")


def hold(letter_ids: Collection[UUID]) -> Held:
    """Lock the jobs and groups of these letters, and look which letters are open then."""
    using = database()
    letters = DeadLetter.objects.using(using)
    job_ids = letters.filter(id__in=letter_ids).values_list("job_id", flat=True)
    jobs = Job.objects.using(using).select_for_update().filter(id__in=list(job_ids)).order_by("id").in_bulk()
    found = letters.filter(id__in=letter_ids).defer("traceback", "error").in_bulk()
    refused = {id_: why for id_ in letter_ids if (why := _refusal(found.get(id_), jobs))}
    kept = [found[id_] for id_ in letter_ids if id_ not in refused]
    for letter in kept:
        letter.job = jobs[letter.job_id]
    return Held(kept, groups.lock({letter.group_id for letter in kept}), refused)


def close(held: Held, decision: Decision, *, diffs: dict[UUID, dict[str, Any]] | None = None) -> None:
    """Write the decision to the letters, their groups and the record of actions."""
    if not held.letters:
        return
    for letter in held.letters:
        letter.resolution, letter.resolved_at = decision.resolution, decision.at
        letter.resolved_by, letter.resolution_reason = decision.actor.name[:150], decision.reason
        letter.payload_diff = (diffs or {}).get(letter.id, {})
    closed = DeadLetter.objects.using(database()).filter(id__in=[letter.id for letter in held.letters])
    closed.update(
        resolution=decision.resolution,
        resolved_at=decision.at,
        resolved_by=decision.actor.name[:150],
        resolution_reason=decision.reason,
    )
    edited = [letter for letter in held.letters if letter.payload_diff]
    DeadLetter.objects.using(database()).bulk_update(edited, ["payload_diff"])
    groups.count_resolved(Counter(letter.group_id for letter in held.letters), held.groups, decision.resolution)
    actions.note_many([_action(letter, decision) for letter in held.letters])


def _refusal(letter: DeadLetter | None, jobs: dict[UUID, Job]) -> str:
    if letter is None or letter.job_id not in jobs:
        return _GONE
    if letter.resolution != Resolution.OPEN:
        return f"was {letter.resolution} already by {letter.resolved_by} at {letter.resolved_at:%Y-%m-%d %H:%M:%S} UTC."
    state = jobs[letter.job_id].state
    return "" if state == State.DEAD else f"belongs to a job that is {state} by now."


def _action(letter: DeadLetter, decision: Decision) -> Action:
    after: dict[str, Any] = {"letter": str(letter.id), "resolution": decision.resolution}
    if letter.payload_diff:
        after["payload_edited"] = sorted(letter.payload_diff)
    if decision.operation is not None:
        after["operation"] = str(decision.operation.id)
    verb = "requeue" if decision.resolution is Resolution.REQUEUED else "discard"
    return actions.compose(
        decision.actor,
        verb,
        f"job:{letter.job_id}",
        reason=decision.reason,
        before={"state": State.DEAD, "resolution": Resolution.OPEN},
        after=after,
    )
