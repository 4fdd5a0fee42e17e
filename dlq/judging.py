"""What came of an operation's letters, and what follows from that: go on, stop, or resolve the groups it has drained."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count

from dlq import groups, operations
from dlq.grouplife import GroupEvent
from dlq.models import Group, Operation, OperationItem, OperationState, Verb
from dlq.models.operation import ItemOutcome, ItemResult
from jobs.control import actions
from jobs.domain.actors import KEEPER
from jobs.domain.states import State
from jobs.lifecycle.recording import database

_LOOK_AT = 2_000
_ENOUGH_TO_JUDGE = 10
_WATCHED_FOR = timedelta(days=1)
_RESULT_OF_STATE = {
    State.SUCCEEDED: ItemResult.SUCCEEDED,
    State.CANCELLED: ItemResult.CANCELLED,
    State.EXPIRED: ItemResult.EXPIRED,
}


def look(operation: Operation, *, after: int = 0) -> int:
    """Note how requeued jobs have ended, some at a time in turns. Deaths are noted by the burial itself."""
    items = OperationItem.objects.using(database()).filter(operation=operation, outcome=ItemOutcome.DONE, result="")
    some = list(items.filter(id__gt=after).order_by("id").values_list("id", "letter__job__state")[:_LOOK_AT])
    for state, result in _RESULT_OF_STATE.items():
        ended = [id_ for id_, job_state in some if job_state == state]
        if ended:
            items.filter(id__in=ended).update(result=result)
    return some[-1][0] if len(some) == _LOOK_AT else 0


def judge(operation: Operation, *, now: datetime) -> None:
    """Count what came of it so far; go on after a good canary, stop after a bad one or when too many die again."""
    with transaction.atomic(using=database()):
        locked = operations.lock(operation.id, *OperationState.values)
        if locked is None:
            return
        rows = OperationItem.objects.using(database()).filter(operation=locked, outcome=ItemOutcome.DONE)
        results = dict(rows.order_by().values_list("result").annotate(n=Count("id")))
        locked.succeeded = results.get(ItemResult.SUCCEEDED, 0)
        locked.died_again = results.get(ItemResult.DIED_AGAIN, 0)
        locked.save(using=database(), update_fields=["succeeded", "died_again"])
        _decide(locked, ended=sum(results.values()) - results.get("", 0), now=now)
    for name in ("state", "succeeded", "died_again", "done", "finished_at"):
        setattr(operation, name, getattr(locked, name))


def settle(operation: Operation, *, now: datetime) -> None:
    """Once it is known what came of every letter: resolve the groups that this operation has drained."""
    done = OperationItem.objects.filter(operation=operation, outcome=ItemOutcome.DONE)
    waits = operation.verb == Verb.REQUEUE and done.filter(result="", letter__isnull=False).exists()
    if waits and now - (operation.finished_at or now) < _WATCHED_FOR:
        return
    is_good = operation.verb == Verb.REQUEUE and operation.state == OperationState.FINISHED and not waits
    with transaction.atomic(using=database()):
        locked = Operation.objects.using(database()).select_for_update().get(id=operation.id)
        if locked.settled_at is None:
            locked.settled_at = now
            locked.save(using=database(), update_fields=["settled_at"])
            if is_good and not done.exclude(result=ItemResult.SUCCEEDED).exists():
                _resolve_drained(locked, now=now)


def _decide(operation: Operation, *, ended: int, now: datetime) -> None:
    died = operation.died_again
    match operation.state:
        case OperationState.CANARY:
            if ended > operation.succeeded:
                because = f"of {operation.done} sent first, {ended - operation.succeeded} did not succeed"
                _stop(operation, because, now=now)
            elif operation.done and ended == operation.done and _canary_is_out(operation):
                operation.state = OperationState.RUNNING
                operation.save(using=database(), update_fields=["state"])
        case OperationState.RUNNING:
            if ended >= _ENOUGH_TO_JUDGE and died * 100 > operation.stop_above_percent * ended:
                because = f"{died} of {ended} died again, more than {operation.stop_above_percent:g} %"
                _stop(operation, because, now=now)


def _canary_is_out(operation: Operation) -> bool:
    return operation.done >= operation.canary or not operations.pending(operation, 1)


def _stop(operation: Operation, because: str, *, now: datetime) -> None:
    before = operation.state
    operations.end(operation, OperationState.STOPPED, now=now, because=because)
    after = {"state": OperationState.STOPPED, "done": operation.done}
    actions.note(KEEPER, "stop", f"operation:{operation.id}", reason=because, before={"state": before}, after=after)


def _resolve_drained(operation: Operation, *, now: datetime) -> None:
    done = OperationItem.objects.using(database()).filter(operation=operation, outcome=ItemOutcome.DONE)
    touched = set(done.order_by().values_list("letter__group_id", flat=True).distinct())
    drained = Group.objects.filter(fingerprint__in=touched - {None}, open=0).values_list("fingerprint", flat=True)
    reason = f"drained by operation {operation.id}"
    for group in groups.lock(list(drained)).values():
        before = group.state
        if group.open == 0 and groups.change(group, GroupEvent.RESOLVED, by=KEEPER.name, reason=reason, at=now):
            groups.save_state(group)
            about = f"group:{group.fingerprint}"
            actions.note(
                KEEPER, "resolve", about, reason=reason, before={"state": before}, after={"state": group.state}
            )
