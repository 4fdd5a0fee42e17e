"""Operations on many letters, carried out by a runner whose clock the test turns."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from dlq import filters, judging, operations, requeue, running
from dlq.models import DeadLetter, Group, Operation, OperationItem, OperationState, Triage, Verb
from dlq.operations import Plan
from dlq.running import Runner
from jobs.domain.actors import CODE, Actor
from jobs.domain.errors import StateConflict
from jobs.domain.states import State
from jobs.lifecycle import recording
from jobs.models import Action, Job
from tests import factories
from tests.support import invariants

OPERATOR = Actor("olga", frozenset({"dlq.requeue_deadletter"}), request_id="r-9")
NOW = timezone.now()
EVERYTHING = filters.LetterFilter()


def start(*, actor: Actor = OPERATOR, **options: object) -> Operation:
    plan = {"verb": Verb.REQUEUE, "wanted": EVERYTHING, "reason": "gateway is back", "rate_per_second": 10.0}
    return operations.start(Plan(**{**plan, **options}), actor=actor)  # type: ignore[arg-type]


def turn(runner: Runner, *, seconds: float, clock: float = 0.0, step: float = 0.25) -> float:
    """Let the runner's clock go on in steps, as the keeper's loop does; returns the time it shows then."""
    end = clock + seconds
    while clock < end:
        runner.run_once(timezone.now(), clock=clock)
        clock += step
    return clock


def fail_again(count: int | None = None) -> None:
    play(State.DEAD, count)


def succeed(count: int | None = None) -> None:
    play(State.SUCCEEDED, count)


def play(end: State, count: int | None) -> None:
    """Let queued jobs run to this end."""
    for job in Job.objects.filter(state=State.QUEUED).order_by("id")[:count]:
        attempt = job.next_attempt
        ended = factories.buried(job, attempt) if end is State.DEAD else factories.ended(job, attempt)
        recording.record([factories.started(job, attempt), ended])


def numbers(operation: Operation) -> tuple[str, int, int, int, int]:
    operation.refresh_from_db()
    return operation.state, operation.matched, operation.done, operation.skipped, operation.failed


def test_everything_that_matches_is_requeued_at_the_rate() -> None:
    factories.make_letters(25, task="charge")
    factories.make_letters(3, task="refund")
    operation = start(wanted=filters.read({"task_type": "charge"}))
    assert (operation.state, operation.matched) == (OperationState.PLANNED, 25)
    runner = Runner()
    clock = turn(runner, seconds=1.0)
    assert 5 <= numbers(operation)[2] <= 11
    turn(runner, seconds=3.0, clock=clock)
    assert numbers(operation) == (OperationState.FINISHED, 25, 25, 0, 0)
    assert Job.objects.filter(state=State.QUEUED).count() == 25
    assert set(Job.objects.filter(state=State.DEAD).values_list("task", flat=True)) == {"refund"}
    letter = DeadLetter.objects.filter(resolution="requeued").first()
    assert letter is not None
    assert (letter.resolved_by, letter.resolution_reason) == ("olga", "gateway is back")
    actions = Action.objects.filter(verb="requeue")
    assert actions.filter(object__startswith="job:", after__operation=str(operation.id), actor="olga").count() == 25
    assert actions.filter(object=f"operation:{operation.id}").count() == 1
    invariants.assert_all()


def test_what_dies_after_the_start_is_not_touched() -> None:
    factories.make_letters(2)
    operation = start()
    factories.make_letters(2)
    turn(Runner(), seconds=2)
    assert numbers(operation) == (OperationState.FINISHED, 2, 2, 0, 0)


def test_what_somebody_else_has_decided_meanwhile_is_skipped_and_says_why() -> None:
    letters = factories.make_letters(3)
    operation = start()
    requeue.requeue(letters[1].id, actor=Actor("otto", None))
    turn(Runner(), seconds=2)
    assert numbers(operation) == (OperationState.FINISHED, 3, 2, 1, 0)
    assert "already by otto" in OperationItem.objects.get(outcome="skipped").detail


def test_a_failing_canary_stops_everything_after_it() -> None:
    factories.make_letters(20)
    operation = start(canary=3, rate_per_second=100.0)
    runner = Runner()
    clock = turn(runner, seconds=3)
    assert numbers(operation)[:3] == (OperationState.CANARY, 20, 3)
    succeed(1)
    fail_again(2)
    turn(runner, seconds=3, clock=clock)
    assert numbers(operation)[:3] == (OperationState.STOPPED, 20, 3)
    assert operation.stopped_because == "of 3 sent first, 2 did not succeed"
    assert DeadLetter.objects.filter(resolution="open").count() == 19
    assert Action.objects.filter(verb="stop", actor="keeper").count() == 1
    invariants.assert_all()


def test_a_good_canary_goes_on_by_itself() -> None:
    factories.make_letters(20)
    operation = start(canary=3, rate_per_second=100.0)
    runner = Runner()
    clock = turn(runner, seconds=2)
    succeed()
    turn(runner, seconds=3, clock=clock)
    assert numbers(operation)[:3] == (OperationState.FINISHED, 20, 20)


def test_a_canary_counts_only_letters_that_were_really_requeued() -> None:
    letters = factories.make_letters(6)
    operation = start(canary=2, rate_per_second=100.0)
    requeue.requeue(letters[0].id, actor=CODE)
    succeed()
    turn(Runner(), seconds=2)
    assert numbers(operation)[:4] == (OperationState.CANARY, 6, 2, 1)


def test_a_canary_as_big_as_the_rest_ends_with_it() -> None:
    factories.make_letters(2)
    operation = start(canary=5)
    runner = Runner()
    clock = turn(runner, seconds=2)
    assert numbers(operation)[0] == OperationState.CANARY
    succeed()
    turn(runner, seconds=3, clock=clock)
    assert numbers(operation)[0] == OperationState.FINISHED


def test_it_stops_when_too_many_die_again() -> None:
    factories.make_letters(60)
    operation = start(rate_per_second=20.0, stop_above_percent=10.0)
    runner = Runner()
    clock = turn(runner, seconds=1.5)
    succeed(8)
    clock = turn(runner, seconds=0.5, clock=clock)
    assert numbers(operation)[0] == OperationState.RUNNING
    fail_again(4)
    turn(runner, seconds=1.5, clock=clock)
    state, _, done, _, _ = numbers(operation)
    assert (state, done < 60) == (OperationState.STOPPED, True)
    assert operation.stopped_because == "4 of 12 died again, more than 10 %"
    assert Group.objects.get().died_again == 4


def test_a_cancelled_operation_leaves_the_rest_alone() -> None:
    factories.make_letters(20)
    operation = start()
    runner = Runner()
    clock = turn(runner, seconds=1)
    done = numbers(operation)[2]
    operations.cancel(operation.id, actor=OPERATOR)
    turn(runner, seconds=2, clock=clock)
    assert numbers(operation)[:3] == (OperationState.CANCELLED, 20, done)
    with pytest.raises(StateConflict, match="cancelled already"):
        operations.cancel(operation.id, actor=OPERATOR)
    assert Action.objects.filter(verb="cancel", object=f"operation:{operation.id}").count() == 1


def test_a_new_leader_goes_on_where_the_last_one_was() -> None:
    factories.make_letters(1_200)
    operation = start(rate_per_second=2_000.0)
    running.plan_some(operation, now=NOW)
    turn(Runner(), seconds=0.5)
    turn(Runner(), seconds=0.5)
    turn(Runner(), seconds=2)
    assert numbers(operation) == (OperationState.FINISHED, 1_200, 1_200, 0, 0)
    assert Action.objects.filter(verb="requeue", object__startswith="job:").values("object").distinct().count() == 1_200


def test_a_group_is_resolved_when_an_operation_has_drained_it_and_nothing_died_again() -> None:
    factories.make_letters(3)
    operation = start()
    runner = Runner()
    clock = turn(runner, seconds=2)
    assert Group.objects.get().state == Triage.NEW
    succeed()
    turn(runner, seconds=6, clock=clock)
    group = Group.objects.get()
    assert (group.state, group.state_reason) == (Triage.RESOLVED, f"drained by operation {operation.id}")
    operation.refresh_from_db()
    assert operation.settled_at is not None
    assert (operation.succeeded, operation.died_again) == (3, 0)


def test_a_group_stays_open_when_some_of_it_died_again() -> None:
    factories.make_letters(3)
    operation = start()
    runner = Runner()
    clock = turn(runner, seconds=2)
    succeed(2)
    fail_again()
    turn(runner, seconds=6, clock=clock)
    operation.refresh_from_db()
    assert (operation.succeeded, operation.died_again) == (2, 1)
    assert operation.settled_at is not None
    assert Group.objects.get().state == Triage.NEW


def test_letters_are_discarded_together_too() -> None:
    factories.make_letters(3)
    admin = Actor("ada", frozenset({"dlq.discard_deadletter"}))
    operation = operations.start(Plan(Verb.DISCARD, EVERYTHING, reason="test data"), actor=admin)
    turn(Runner(), seconds=6)
    assert numbers(operation)[:3] == (OperationState.FINISHED, 3, 3)
    assert Group.objects.get().discarded == 3
    assert operation.settled_at is not None
    invariants.assert_all()


def test_nothing_that_matches_is_finished_at_once() -> None:
    operation = start()
    turn(Runner(), seconds=0.5)
    assert numbers(operation)[:2] == (OperationState.FINISHED, 0)


def test_a_letter_that_can_not_be_written_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = factories.make_letters(5)
    poisoned = letters[2].id
    real = requeue.requeue_many

    def refuse(letter_ids: list[object], **options: object) -> object:
        if poisoned in letter_ids:
            raise IntegrityError("a constraint nobody thought of")
        return real(letter_ids, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(requeue, "requeue_many", refuse)
    operation = start(rate_per_second=100.0)
    turn(Runner(), seconds=3)
    assert numbers(operation) == (OperationState.FINISHED, 5, 4, 0, 1)
    assert "nobody thought of" in OperationItem.objects.get(outcome="failed").detail


def test_the_report_has_a_row_per_letter_with_what_came_of_it() -> None:
    factories.make_letters(2)
    operation = start()
    runner = Runner()
    turn(runner, seconds=2)
    succeed(1)
    fail_again()
    judging.look(operation)
    rows = [dict(zip(operations.REPORT_COLUMNS, row, strict=True)) for row in operations.report(operation)]
    assert sorted(row["result"] for row in rows) == ["died_again", "succeeded"]
    assert {row["outcome"] for row in rows} == {"done"}
    assert all(row["task_type"] == "noop" and "it broke" in row["error"] for row in rows)


def test_since_means_letters_buried_since_then() -> None:
    old = NOW - timedelta(hours=5)
    factories.make_letters(2, at_ms=factories.milliseconds(old))
    factories.make_letters(1)
    operation = start(wanted=filters.read({"since": (NOW - timedelta(hours=1)).isoformat()}))
    assert operation.matched == 1
    turn(Runner(), seconds=1)
    assert numbers(operation)[:3] == (OperationState.FINISHED, 1, 1)
