"""How far an operation is, as the steps that people expect of it: canary, the rest, what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from dlq.models import DeadLetter, Group, Operation, OperationItem, OperationState, Triage
from dlq.models.operation import ItemOutcome, ItemResult

SAMPLES = 10


@dataclass(frozen=True, slots=True)
class Step:
    """`state` is pending, running, succeeded, stopped, cancelled or finished."""

    title: str
    state: str
    note: str = ""
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """One letter that did not go well; `error` is that of its job's latest death."""

    item: OperationItem
    error_type: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    operation: Operation
    group: Group | None
    steps: list[Step]

    @property
    def over(self) -> int:
        return self.operation.done + self.operation.failed + self.operation.skipped

    @property
    def asked(self) -> dict[str, Any]:
        """Its filter to read: ticked letters only by their number."""
        chosen = self.operation.filter.get("ids")
        return self.operation.filter if chosen is None else {**self.operation.filter, "ids": f"{len(chosen)} ticked"}

    @property
    def percent(self) -> float:
        return 100 * self.over / self.operation.matched if self.operation.matched else 0.0


def of(operation: Operation, *, group: Group | None) -> Progress:
    steps = [_canary(operation)] if operation.canary else []
    return Progress(operation, group, [*steps, _rest(operation), _outcome(operation, group)])


def find(operation_id: UUID) -> Progress | None:
    operation = Operation.objects.filter(id=operation_id).first()
    if operation is None:
        return None
    group = Group.objects.filter(fingerprint=operation.filter.get("fingerprint", "")).first()
    return of(operation, group=group)


def troubles(operation: Operation) -> list[Trouble]:
    """Samples of what failed, was skipped, or died again."""
    bad = Q(outcome__in=[ItemOutcome.FAILED, ItemOutcome.SKIPPED]) | Q(
        outcome=ItemOutcome.DONE, result=ItemResult.DIED_AGAIN
    )
    items = list(OperationItem.objects.filter(bad, operation=operation).order_by("id")[:SAMPLES])
    latest = _latest_letters([item.job_id for item in items if item.result == ItemResult.DIED_AGAIN])
    return [Trouble(item, *latest.get(item.job_id, ("", ""))) for item in items]


def _latest_letters(job_ids: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
    letters = DeadLetter.objects.filter(job_id__in=job_ids).order_by("id")
    return {job_id: (type_, error) for job_id, type_, error in letters.values_list("job_id", "error_type", "error")}


def _canary(operation: Operation) -> Step:
    title = f"Canary of {operation.canary}"
    match operation.state:
        case OperationState.PLANNED:
            return Step(title, "pending", "is being chosen")
        case OperationState.CANARY if operation.done:
            return Step(title, "running", f"{operation.done} requeued, {operation.succeeded} succeeded so far")
        case OperationState.CANARY:
            return Step(title, "running", "is being requeued")
        case OperationState.STOPPED if operation.done <= operation.canary:
            return Step(title, "stopped", operation.stopped_because)
        case OperationState.CANCELLED if operation.done < operation.canary:
            return Step(title, "cancelled")
        case _:
            return Step(title, "succeeded")


def _rest(operation: Operation) -> Step:
    title = f"{'The rest' if operation.canary else 'All'} at {operation.rate_per_second:g} a second"
    over = operation.done + operation.failed + operation.skipped
    said = f"{over} of {operation.matched}"
    match operation.state:
        case OperationState.PLANNED | OperationState.CANARY:
            return Step(title, "pending", "when the canary has succeeded" if operation.canary else "")
        case OperationState.RUNNING:
            return Step(title, "running", said, seconds_left=(operation.matched - over) / operation.rate_per_second)
        case OperationState.STOPPED if operation.canary and operation.done <= operation.canary:
            return Step(title, "cancelled", "left alone")
        case OperationState.STOPPED:
            return Step(title, "stopped", operation.stopped_because)
        case OperationState.CANCELLED:
            return Step(title, "cancelled", said)
        case _:
            return Step(title, "finished", said)


def _outcome(operation: Operation, group: Group | None) -> Step:
    if operation.verb != "requeue":
        return Step("Closed for good", "finished" if operation.state == OperationState.FINISHED else "pending")
    left = operation.done - operation.succeeded - operation.died_again
    said = f"{operation.succeeded} succeeded, {operation.died_again} died again"
    if left > 0:
        said += f", {left} on their way"
    if operation.settled_at is None:
        return Step("What came of them", "running" if operation.done else "pending", said if operation.done else "")
    if group is not None and group.state == Triage.RESOLVED and group.open == 0:
        return Step("Drained, so the group is resolved", "succeeded", said)
    return Step("What came of them", "stopped" if operation.died_again else "finished", said)
