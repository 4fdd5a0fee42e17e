"""Closes dead letters without running their jobs again: they stay dead, and retention may take them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from dlq import resolving
from dlq.models import DeadLetter, Operation, Resolution
from dlq.resolving import Decision, Settled
from jobs.control import actions
from jobs.domain.actors import Actor
from jobs.lifecycle.recording import database

PERMISSION = "dlq.discard_deadletter"


def discard(letter_id: UUID, *, actor: Actor, reason: str = "", now: datetime | None = None) -> DeadLetter:
    """Raises StateConflict when somebody has decided about the letter already."""
    return resolving.only(discard_many([letter_id], actor=actor, reason=reason, now=now or timezone.now()))


def discard_many(
    letter_ids: Sequence[UUID], *, actor: Actor, reason: str, now: datetime, operation: Operation | None = None
) -> Settled:
    """One transaction."""
    actor.require(PERMISSION)
    decision = Decision(Resolution.DISCARDED, actor, actions.checked_reason(reason), now, operation)
    with transaction.atomic(using=database()):
        held = resolving.hold(letter_ids)
        resolving.close(held, decision)
    return Settled(held.letters, held.refused)
