"""What an operation would do, and plans that make no sense."""

import pytest

from dlq import filters, operations
from dlq.models import Operation, Verb
from dlq.operations import OperationInvalid, Plan
from jobs.domain.actors import CODE, Actor
from jobs.domain.errors import NotAllowed
from jobs.models import Action
from tests import factories

OPERATOR = Actor("olga", frozenset({"dlq.requeue_deadletter"}))
EVERYTHING = filters.LetterFilter()


def test_a_dry_run_says_what_would_be_touched_and_touches_nothing() -> None:
    factories.make_letters(3, task="charge")
    factories.make_letters(2, task="refund")
    seen = operations.preview(Plan(Verb.REQUEUE, EVERYTHING, rate_per_second=2), actor=OPERATOR)
    assert (seen.matched, seen.by_task, seen.seconds_at_rate) == (5, {"charge": 3, "refund": 2}, 2.5)
    assert sorted(seen.by_group.values()) == [2, 3]
    assert len(seen.sample) == 5
    assert Operation.objects.count() == Action.objects.count() == 0


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"rate_per_second": 0.0}, "rate_per_second"),
        ({"rate_per_second": 1e9}, "rate_per_second"),
        ({"rate_per_second": float("nan")}, "rate_per_second"),
        ({"canary": -1}, "canary"),
        ({"canary": 5_000}, "canary"),
        ({"stop_above_percent": 101.0}, "stop_above_percent"),
        ({"wanted": filters.LetterFilter(resolution="discarded")}, "filter"),
        ({"verb": Verb.DISCARD, "canary": 1}, "canary"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_by_its_field(options: dict[str, object], field: str) -> None:
    with pytest.raises(OperationInvalid) as caught:
        operations.start(Plan(**{"verb": Verb.REQUEUE, "wanted": EVERYTHING, **options}), actor=CODE)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert Operation.objects.count() == 0


def test_an_operation_needs_the_permission_of_its_verb() -> None:
    plan = Plan(Verb.DISCARD, EVERYTHING)
    for verb in (operations.start, operations.preview):
        with pytest.raises(NotAllowed, match=r"dlq\.discard_deadletter"):
            verb(plan, actor=OPERATOR)
