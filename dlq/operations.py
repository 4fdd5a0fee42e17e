"""Requeues or discards many letters as one object: looked at first, started, watched, cancelled.

The filter is frozen at the start: letters buried later are not touched. The keeper's leader does the work (`running`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from dlq import discard, requeue, signals
from dlq.filters import LetterFilter
from dlq.models import DeadLetter, Operation, OperationItem, OperationState, Resolution, Verb
from dlq.models.operation import ItemOutcome
from jobs import conf
from jobs.control import actions
from jobs.domain.actors import Actor
from jobs.domain.errors import FieldInvalid, NotThere, StateConflict
from jobs.lifecycle.recording import database

PERMISSIONS = {Verb.REQUEUE: requeue.PERMISSION, Verb.DISCARD: discard.PERMISSION}
CANARY_MAX = 1_000
_SAMPLE = 5
_NOBODY = UUID(int=0)


class OperationUnknown(NotThere):
    code = "operation_unknown"

    def __init__(self, operation_id: object) -> None:
        super().__init__(f"There is no operation {operation_id}.")


class OperationInvalid(FieldInvalid):
    code = "operation_invalid"


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody wants done to the letters that match."""

    verb: Verb
    wanted: LetterFilter
    reason: str = ""
    canary: int = 0
    rate_per_second: float | None = None
    stop_above_percent: float | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What an operation would touch, and how long it would take."""

    matched: int
    by_task: dict[str, int]
    by_group: dict[str, int]
    sample: list[DeadLetter]
    seconds_at_rate: float


def preview(plan: Plan, *, actor: Actor) -> Preview:
    """The dry run: nothing changes."""
    actor.require(PERMISSIONS[plan.verb])
    _check(plan)
    meant = _open_letters(plan.wanted)
    by_task = dict(meant.order_by().values_list("task").annotate(n=Count("id")))
    by_group = dict(meant.order_by().values_list("group_id").annotate(n=Count("id")))
    matched = sum(by_task.values())
    return Preview(
        matched=matched,
        by_task=by_task,
        by_group=by_group,
        sample=list(meant.order_by("-id")[:_SAMPLE]),
        seconds_at_rate=round(matched / _rate(plan), 1),
    )


def start(plan: Plan, *, actor: Actor, now: datetime | None = None) -> Operation:
    actor.require(PERMISSIONS[plan.verb])
    _check(plan)
    percent = plan.stop_above_percent
    with transaction.atomic(using=database()):
        newest = DeadLetter.objects.using(database()).order_by("-id").values_list("id", flat=True).first()
        operation = Operation(
            verb=plan.verb,
            filter=plan.wanted.as_json(),
            newest_letter=newest or _NOBODY,
            reason=actions.checked_reason(plan.reason),
            created_by=actor.name[:150],
            request_id=actor.request_id,
            source_address=actor.source_address,
            created_at=now or timezone.now(),
            canary=plan.canary,
            rate_per_second=_rate(plan),
            stop_above_percent=conf.current().OPERATION_STOP_ABOVE_PERCENT if percent is None else percent,
            matched=_open_letters(plan.wanted).count(),
        )
        operation.save(using=database(), force_insert=True)
        _note(actor, plan.verb, operation, reason=plan.reason, before={}, after=_as_planned(operation))
    return operation


def cancel(operation_id: UUID, *, actor: Actor, reason: str = "", now: datetime | None = None) -> Operation:
    """What is done stays done; the rest is left alone."""
    operation = find(operation_id)
    actor.require(PERMISSIONS[Verb(operation.verb)])
    with transaction.atomic(using=database()):
        operation = Operation.objects.using(database()).select_for_update().get(id=operation_id)
        if not operation.is_active:
            raise StateConflict(f"Operation {operation_id} is {operation.state} already.")
        before = operation.state
        end(operation, OperationState.CANCELLED, now=now or timezone.now())
        _note(
            actor,
            "cancel",
            operation,
            reason=reason,
            before={"state": before},
            after={"state": operation.state, "done": operation.done},
        )
    return operation


def end(operation: Operation, state: OperationState, *, now: datetime, because: str = "") -> None:
    """Write how the (locked) operation ended, and tell it after the commit."""
    operation.state, operation.finished_at, operation.stopped_because = state, now, because[:500]
    operation.save(using=database(), update_fields=["state", "finished_at", "stopped_because"])
    tell = partial(signals.operation_ended.send_robust, sender=Operation, operation=operation)
    transaction.on_commit(tell, using=database(), robust=True)


def find(operation_id: UUID) -> Operation:
    operation = Operation.objects.filter(id=operation_id).first()
    if operation is None:
        raise OperationUnknown(operation_id)
    return operation


def lock(operation_id: UUID, *states: str) -> Operation | None:
    """The operation, locked, if it is in one of these states."""
    locked = Operation.objects.using(database()).select_for_update()
    return locked.filter(id=operation_id, state__in=states).first()


def pending(operation: Operation, limit: int) -> list[OperationItem]:
    """The letters that come next. Whoever deals with them holds the lock of the operation."""
    items = OperationItem.objects.using(database()).filter(operation=operation, outcome=ItemOutcome.PENDING)
    return list(items.order_by("id")[:limit])


def frozen(operation: Operation, wanted: LetterFilter) -> QuerySet[DeadLetter]:
    """The letters that were meant when it started, whatever was decided about them since. Oldest first."""
    was_open = Q(resolution=Resolution.OPEN) | Q(resolved_at__gte=operation.created_at)
    meant = wanted.apply(DeadLetter.objects.using(database())).filter(was_open, id__lte=operation.newest_letter)
    return meant.order_by("id")


REPORT_COLUMNS = ("letter", "task_id", "task_type", "outcome", "detail", "done_at", "result", "error")


def report(operation: Operation, *, with_errors: bool = True) -> Iterator[tuple[str, ...]]:
    """A row per letter, in the order in which they were or will be dealt with."""
    items = OperationItem.objects.filter(operation=operation).select_related("letter").order_by("id")
    for item in items.iterator(chunk_size=500):
        letter = item.letter
        yield (
            str(item.letter_id or ""),
            str(item.job_id),
            letter.task if letter else "",
            item.outcome,
            item.detail,
            item.done_at.isoformat() if item.done_at else "",
            item.result,
            f"{letter.error_type}: {letter.error}"[:200] if letter and with_errors else "",
        )


def _open_letters(wanted: LetterFilter) -> QuerySet[DeadLetter]:
    return wanted.apply(DeadLetter.objects.open())


def _check(plan: Plan) -> None:
    highest = conf.current().OPERATION_RATE_MAX_PER_SECOND
    if plan.wanted.resolution not in ("", Resolution.OPEN):
        raise OperationInvalid("filter", "Only open letters can be requeued or discarded.")
    if not 0 <= plan.canary <= CANARY_MAX:
        raise OperationInvalid("canary", f"Give a number from 0 to {CANARY_MAX}.")
    if plan.canary and plan.verb is not Verb.REQUEUE:
        raise OperationInvalid("canary", "A discarded job does not run, so it can't go first.")
    if not 0.1 <= _rate(plan) <= highest:
        raise OperationInvalid("rate_per_second", f"Give a number from 0.1 to {highest:g}.")
    if plan.stop_above_percent is not None and not 0 <= plan.stop_above_percent <= 100:
        raise OperationInvalid("stop_above_percent", "Give a number from 0 to 100.")


def _rate(plan: Plan) -> float:
    return conf.current().OPERATION_RATE_PER_SECOND if plan.rate_per_second is None else plan.rate_per_second


def _as_planned(operation: Operation) -> dict[str, Any]:
    names = ("filter", "matched", "canary", "rate_per_second", "stop_above_percent")
    return {name: getattr(operation, name) for name in names}


def _note(
    actor: Actor, verb: str, operation: Operation, *, reason: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    actions.note(actor, verb, f"operation:{operation.id}", reason=reason, before=before, after=after)
