"""The record of what was done, by whom and why: an Action row in the transaction of the deed."""

from collections.abc import Sequence
from typing import Any

from jobs.domain.actors import Actor
from jobs.domain.errors import TallyError
from jobs.intake import storable
from jobs.models import Action

REASON_MAX_CHARACTERS = 500


class ReasonInvalid(TallyError):
    code = "reason_invalid"


def note(
    actor: Actor,
    verb: str,
    obj: str,
    *,
    reason: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> Action:
    return note_many([compose(actor, verb, obj, reason=reason, before=before, after=after)])[0]


def note_many(actions: Sequence[Action]) -> list[Action]:
    return Action.objects.bulk_create(actions, batch_size=500)


def checked_reason(reason: str) -> str:
    if len(reason) > REASON_MAX_CHARACTERS or storable.mend_text(reason) != reason:
        raise ReasonInvalid(f"A reason is text of at most {REASON_MAX_CHARACTERS} characters, without NUL.")
    return reason


def compose(
    actor: Actor,
    verb: str,
    obj: str,
    *,
    reason: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> Action:
    """The row, not saved: for those who note many."""
    return Action(
        actor=actor.name[:150],
        verb=verb,
        object=obj,
        reason=checked_reason(reason),
        before=before or {},
        after=after or {},
        request_id=actor.request_id,
        source_address=actor.source_address,
    )
