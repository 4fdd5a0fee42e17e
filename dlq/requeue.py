"""Gives dead jobs their full budget again: same id, attempts count on, the letter keeps who and why.

An edited payload is validated against the task before anything changes; the letter keeps the original and the difference.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from dlq import resolving
from dlq.models import DeadLetter, Operation, Resolution
from dlq.resolving import Decision, Held, Settled
from jobs import conf
from jobs.broker import publisher
from jobs.control import actions
from jobs.domain.actors import Actor
from jobs.domain.states import Burial
from jobs.intake import registry, storable
from jobs.intake.schema import PayloadInvalid
from jobs.lifecycle import moving
from jobs.lifecycle.recording import database
from jobs.models import Job

PERMISSION = "dlq.requeue_deadletter"


def requeue(
    letter_id: UUID,
    *,
    actor: Actor,
    reason: str = "",
    payload: dict[str, Any] | None = None,
    now: datetime | None = None,
) -> DeadLetter:
    """Raises StateConflict when somebody has decided about the letter already."""
    return resolving.only(
        requeue_many(
            [letter_id],
            actor=actor,
            reason=reason,
            payloads=None if payload is None else {letter_id: payload},
            now=now or timezone.now(),
        )
    )


def requeue_many(
    letter_ids: Sequence[UUID],
    *,
    actor: Actor,
    reason: str,
    now: datetime,
    payloads: dict[UUID, dict[str, Any]] | None = None,
    operation: Operation | None = None,
) -> Settled:
    """One transaction; published when it has committed."""
    actor.require(PERMISSION)
    decision = Decision(Resolution.REQUEUED, actor, actions.checked_reason(reason), now, operation)
    using = database()
    with transaction.atomic(using=using):
        held = resolving.hold(letter_ids)
        _refuse_unreadable(held)
        edited = {letter.id: _edited(letter, payloads[letter.id]) for letter in held.letters if payloads}
        diffs = {letter.id: difference(letter.payload, edited[letter.id]) for letter in held.letters if payloads}
        resolving.close(held, decision, diffs=diffs)
        by_job = {letter.job_id: edited[letter.id] for letter in held.letters if payloads}
        queued = moving.requeue([letter.job for letter in held.letters], now=now, payloads=by_job)
        if queued:
            transaction.on_commit(partial(publisher.publish, queued), using=using, robust=True)
    return Settled(held.letters, held.refused)


def difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Field → what it was (`from`, absent when it is new) and what it became (`to`, absent when it is gone)."""
    found: dict[str, Any] = {}
    for name in sorted({*before, *after}):
        if name in before and name in after and _same(before[name], after[name]):
            continue
        found[name] = {
            **({"from": before[name]} if name in before else {}),
            **({"to": after[name]} if name in after else {}),
        }
    return found


def _same(one: Any, other: Any) -> bool:
    """As JSON, where 1 is neither true nor 1.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _refuse_unreadable(held: Held) -> None:
    for letter in [letter for letter in held.letters if letter.reason == Burial.UNDECODABLE]:
        held.refused[letter.id] = "is of a message that nobody can read, so it can't run: discard it."
        held.letters.remove(letter)


def _edited(letter: DeadLetter, payload: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(payload, dict):
        raise PayloadInvalid(letter.task, {"payload": ["Give a JSON object."]})
    spec = registry.find(letter.task)
    if spec is None:
        raise PayloadInvalid(letter.task, {"payload": ["The task is not known here, so no edit can be checked."]})
    return _validated(letter.job, spec, payload)


def _validated(job: Job, spec: registry.TaskSpec, payload: dict[str, Any]) -> dict[str, Any]:
    limits = conf.current()
    plain: dict[str, Any] = storable.accept(
        payload, what="payload", max_bytes=limits.PAYLOAD_MAX_BYTES, max_depth=limits.PAYLOAD_MAX_DEPTH
    )
    spec.schema.validate(job.args, plain)
    return plain
