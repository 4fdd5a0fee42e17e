"""Who wins when two decide about one letter, and whether counters are right afterwards. Threads with connections of their own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from dlq import discard, filters, operations, requeue, running
from dlq.models import DeadLetter, Group, Operation, OperationItem, OperationState, Verb
from dlq.operations import Plan
from jobs.broker import depth
from jobs.domain.actors import CODE, Actor
from jobs.domain.errors import StateConflict
from jobs.domain.journal import Failure
from jobs.domain.states import State
from jobs.lifecycle import recording
from jobs.lifecycle.applying import JobEntry
from jobs.models import Action, Job
from tests import factories
from tests.support import invariants

ROUNDS = 6


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """Do all of them from one starting line; what each returned or raised."""
    line = threading.Barrier(len(deeds))

    def go(deed: Callable[[], Any]) -> Any:
        try:
            line.wait(timeout=10)
            return deed()
        except StateConflict as conflict:
            return conflict
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=len(deeds)) as threads:
        return [done.result(timeout=50) for done in [threads.submit(go, deed) for deed in deeds]]


@pytest.mark.parametrize("second", [requeue.requeue, discard.discard])
def test_of_two_operators_one_wins_and_one_has_a_conflict(second: Callable[..., DeadLetter]) -> None:
    for _ in range(ROUNDS):
        [letter] = factories.make_letters()
        answers = at_once(
            partial(requeue.requeue, letter.id, actor=Actor("olga")),
            partial(second, letter.id, actor=Actor("otto")),
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["DeadLetter", "StateConflict"]
        winner = next(answer for answer in answers if isinstance(answer, DeadLetter))
        letter.refresh_from_db()
        assert (letter.resolution, letter.resolved_by) == (winner.resolution, winner.resolved_by)
        assert Action.objects.filter(object=f"job:{letter.job_id}").count() == 1
    assert Group.objects.get().open == 0
    requeued = DeadLetter.objects.filter(resolution="requeued").count()
    assert depth.look("default").messages == requeued
    invariants.assert_all()


def test_a_requeue_and_the_words_of_the_old_attempt_end_in_the_same_rows() -> None:
    for _ in range(ROUNDS):
        [letter] = factories.make_letters()
        job = letter.job
        again: list[JobEntry] = [factories.started(job), factories.buried(job)]
        at_once(
            partial(requeue.requeue, letter.id, actor=CODE),
            partial(recording.record, again),
            partial(recording.record, again),
        )
        job.refresh_from_db()
        assert (job.state, job.dead_letters.count()) == (State.QUEUED, 1)
    invariants.assert_all()


def test_two_keepers_that_bury_into_the_same_groups_count_every_death() -> None:
    kinds = [Failure(f"shop.Error{n}", "no", frames=("shop:f",)) for n in range(5)]

    def bury(jobs: list[Job], order: list[Failure]) -> None:
        for start in range(0, len(jobs), 10):
            some = jobs[start : start + 10]
            recording.record(
                [
                    factories.ended(job, outcome=death.outcome, verdict=death.verdict, failure=order[n % 5])
                    for n, job in enumerate(some)
                    for death in [factories.buried(job)]
                ]
            )

    one, two = factories.make_jobs(50, State.QUEUED), factories.make_jobs(50, State.QUEUED)
    at_once(lambda: bury(one, kinds), lambda: bury(two, kinds[::-1]))
    assert sorted(Group.objects.values_list("open", "total")) == [(20, 20)] * 5
    assert sum(Group.objects.values_list("counts__count", flat=True)) == 2 * 100  # minutes and hours
    invariants.assert_all()


def test_burials_requeues_and_discards_never_wait_for_each_other_in_a_circle() -> None:
    kinds = [Failure(f"shop.Error{n}", "no", frames=("shop:f",)) for n in range(3)]
    letters = [letter for kind in kinds for letter in factories.make_letters(12, failure=kind)]
    ids = [letter.id for letter in letters]
    fresh = factories.make_jobs(30, State.QUEUED)

    def bury() -> None:
        for n, job in enumerate(fresh):
            death = factories.buried(job)
            recording.record([factories.ended(job, outcome=death.outcome, verdict=death.verdict, failure=kinds[n % 3])])

    def decide(many: Callable[..., Any], order: list[Any]) -> None:
        for start in range(0, len(order), 6):
            many(order[start : start + 6], actor=CODE, reason="", now=timezone.now())

    at_once(
        bury,
        lambda: decide(requeue.requeue_many, ids),
        lambda: decide(discard.discard_many, ids[::-1]),
    )
    assert sum(Group.objects.values_list("open", flat=True)) == 30
    assert DeadLetter.objects.filter(resolution="open").count() == 30
    invariants.assert_all()


def test_two_leaders_by_accident_take_no_letter_twice() -> None:
    factories.make_letters(80)
    operation = operations.start(
        Plan(Verb.REQUEUE, filters.LetterFilter(), rate_per_second=2_000.0), actor=Actor("olga")
    )
    running.plan_some(operation, now=timezone.now())

    def lead() -> int:
        taken = 0
        while count := running.act(operation.id, limit=7, now=timezone.now()):
            taken += count
        return taken

    assert sum(at_once(lead, lead, lead)) == 80
    operation.refresh_from_db()
    assert (operation.state, operation.done, operation.skipped) == (OperationState.FINISHED, 80, 0)
    assert Action.objects.filter(object__startswith="job:").values("object").distinct().count() == 80
    assert Action.objects.filter(object__startswith="job:").count() == 80
    invariants.assert_all()


def test_two_leaders_plan_every_letter_once() -> None:
    factories.make_letters(60)
    operation = operations.start(Plan(Verb.REQUEUE, filters.LetterFilter()), actor=Actor("olga"))
    at_once(*[lambda: running.plan_some(operation, now=timezone.now())] * 3)
    assert OperationItem.objects.count() == 60
    operation.refresh_from_db()
    assert (operation.state, operation.matched) == (OperationState.RUNNING, 60)


def test_after_a_cancel_nothing_more_is_taken() -> None:
    factories.make_letters(60)
    operation = operations.start(Plan(Verb.REQUEUE, filters.LetterFilter()), actor=Actor("olga"))
    running.plan_some(operation, now=timezone.now())

    def lead() -> int:
        taken = 0
        while count := running.act(operation.id, limit=3, now=timezone.now()):
            taken += count
        return taken

    taken, _ = at_once(lead, lambda: operations.cancel(operation.id, actor=Actor("olga")))
    after = Operation.objects.get()
    assert after.done == taken == DeadLetter.objects.filter(resolution="requeued").count()
    assert after.state in (OperationState.CANCELLED, OperationState.FINISHED)
    invariants.assert_all()
