"""Carries out operations, a little in each call: a duty of the keeper's leader. Everything it must remember is in SQL.

The operation's row is locked first, so that two leaders, or a leader and a cancel, take turns; no letter is taken twice.
"""

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import DataError, IntegrityError, transaction

from dlq import discard, filters, judging, operations, requeue
from dlq.models import Operation, OperationItem, OperationState, Verb
from dlq.models.operation import ItemOutcome
from dlq.resolving import Settled
from jobs import conf
from jobs.domain.actors import Actor
from jobs.lifecycle.recording import database

logger = logging.getLogger(__name__)

_PLAN_BATCH = 500
_PLANS_A_CALL = 4
_LOOK_EVERY_SECONDS = 1.0
_LOOK_AFTERWARDS_EVERY_SECONDS = 5.0
_CREDIT_SECONDS = 1.0


@dataclass(slots=True)
class Pace:
    """How many letters an operation may take now, by this leader's clock; at most what a second allows."""

    rate: float
    clock: float
    credit: float = 1.0
    looked_at: float = float("-inf")
    looked_up_to: int = 0

    def allow(self, clock: float) -> int:
        self.credit = min(self.credit + self.rate * (clock - self.clock), max(1.0, self.rate * _CREDIT_SECONDS))
        self.clock = clock
        return int(self.credit)


@dataclass(slots=True)
class Runner:
    """One leader's. A new one starts with no credit and reads the rest from the rows."""

    _paces: dict[UUID, Pace] = field(default_factory=dict, init=False)

    def run_once(self, now: datetime, *, clock: float | None = None) -> int:
        """`clock`: the monotonic time, for tests. Returns how many letters were dealt with."""
        clock = time.monotonic() if clock is None else clock
        todo = list(Operation.objects.unsettled().order_by("id")[:100])
        self._paces = {op.id: self._paces.get(op.id) or Pace(op.rate_per_second, clock) for op in todo}
        return sum(self._advance(operation, now=now, clock=clock) for operation in todo)

    def _advance(self, operation: Operation, *, now: datetime, clock: float) -> int:
        pace = self._paces[operation.id]
        if operation.state == OperationState.PLANNED:
            for _ in range(_PLANS_A_CALL):
                if plan_some(operation, now=now):
                    break
            return 0
        if clock - pace.looked_at >= (_LOOK_EVERY_SECONDS if operation.is_active else _LOOK_AFTERWARDS_EVERY_SECONDS):
            pace.looked_at = clock
            pace.looked_up_to = judging.look(operation, after=pace.looked_up_to)
            judging.judge(operation, now=now)
            if not operation.is_active:
                judging.settle(operation, now=now)
        if not operation.is_active:
            return 0
        taken = self._act(operation, pace.allow(clock), now=now)
        pace.credit -= taken
        return taken

    def _act(self, operation: Operation, allowed: int, *, now: datetime) -> int:
        if operation.state == OperationState.CANARY:
            allowed = min(allowed, operation.canary - operation.done)
        taken = 0
        while taken < allowed:
            count = act(operation.id, limit=min(allowed - taken, conf.current().OPERATION_BATCH_SIZE), now=now)
            taken += count
            if not count:
                break
            time.sleep(conf.current().RECORD_PAUSE_SECONDS)  # on SQLite others write only between transactions
        return taken


def plan_some(operation: Operation, *, now: datetime) -> bool:
    """Make items of the next letters; True when all that were meant are items."""
    wanted = filters.read(operation.filter)
    with transaction.atomic(using=database()):
        locked = operations.lock(operation.id, OperationState.PLANNED)
        if locked is None:
            return True
        meant = operations.frozen(locked, wanted)
        if locked.planned_to is not None:
            meant = meant.filter(id__gt=locked.planned_to)
        found = list(meant.values_list("id", "job_id")[:_PLAN_BATCH])
        OperationItem.objects.using(database()).bulk_create(
            [OperationItem(operation=locked, letter_id=letter_id, job_id=job_id) for letter_id, job_id in found]
        )
        locked.planned_to = found[-1][0] if found else locked.planned_to
        is_over = len(found) < _PLAN_BATCH
        if is_over:
            locked.matched = OperationItem.objects.using(database()).filter(operation=locked).count()
            locked.state = OperationState.CANARY if locked.canary else OperationState.RUNNING
        locked.save(using=database(), update_fields=["planned_to", "matched", "state"])
        if is_over and not locked.matched:
            operations.end(locked, OperationState.FINISHED, now=now)
    return is_over


def act(operation_id: UUID, *, limit: int, now: datetime) -> int:
    """Deal with the next letters in one transaction; when that can't be written, with each of them in its own."""
    try:
        return _act_on(operation_id, limit=limit, now=now)
    except (DataError, IntegrityError) as error:
        logger.warning("Operation %s could not take %d letters at once (%s).", operation_id, limit, error)
    try:
        return _act_on(operation_id, limit=1, now=now)
    except (DataError, IntegrityError) as error:
        return _give_up_on_next(operation_id, str(error), now=now)


def _act_on(operation_id: UUID, *, limit: int, now: datetime) -> int:
    with transaction.atomic(using=database()):
        operation = operations.lock(operation_id, OperationState.CANARY, OperationState.RUNNING)
        if operation is None:
            return 0
        items = operations.pending(operation, limit)
        if not items:
            if operation.state == OperationState.RUNNING or not operation.done:
                operations.end(operation, OperationState.FINISHED, now=now)
            return 0
        settled = _deal_with(operation, [item.letter_id for item in items if item.letter_id], now=now)
        closed = {letter.id for letter in settled.closed}
        skipped = [item for item in items if item.letter_id not in closed]
        operation.done += len(items) - len(skipped)
        operation.skipped += len(skipped)
        _mark([item.id for item in items if item.letter_id in closed], ItemOutcome.DONE, now=now)
        for item in skipped:
            why = settled.refused.get(item.letter_id) if item.letter_id else None
            _mark([item.id], ItemOutcome.SKIPPED, detail=why or "was deleted", now=now)
        operation.save(using=database(), update_fields=["done", "skipped"])
    return len(items)


def _deal_with(operation: Operation, letter_ids: list[UUID], *, now: datetime) -> Settled:
    """On behalf of whoever started it, who had the permission then."""
    verb = Verb(operation.verb)
    allowed = frozenset({operations.PERMISSIONS[verb]})
    actor = Actor(operation.created_by, allowed, operation.request_id, operation.source_address)
    many = requeue.requeue_many if verb is Verb.REQUEUE else discard.discard_many
    return many(letter_ids, actor=actor, reason=operation.reason, now=now, operation=operation)


def _give_up_on_next(operation_id: UUID, why: str, *, now: datetime) -> int:
    with transaction.atomic(using=database()):
        operation = operations.lock(operation_id, OperationState.CANARY, OperationState.RUNNING)
        items = operations.pending(operation, 1) if operation is not None else []
        if operation is None or not items:
            return 0
        _mark([items[0].id], ItemOutcome.FAILED, detail=f"could not be written: {why}", now=now)
        operation.failed += 1
        operation.save(using=database(), update_fields=["failed"])
    return 1


def _mark(item_ids: list[int], outcome: ItemOutcome, *, now: datetime, detail: str = "") -> None:
    items = OperationItem.objects.using(database()).filter(id__in=item_ids)
    items.update(outcome=outcome, detail=detail[:500], done_at=now)
