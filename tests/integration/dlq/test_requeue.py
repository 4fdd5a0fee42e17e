"""Requeueing and discarding one letter: who may, what changes, what is kept, what is refused."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from dlq import discard, requeue
from dlq.models import DeadLetter, Group
from dlq.resolving import LetterUnknown
from jobs.broker import depth
from jobs.domain.actors import CODE, Actor
from jobs.domain.errors import NotAllowed, StateConflict
from jobs.domain.states import Burial, State
from jobs.intake.schema import PayloadInvalid
from jobs.lifecycle import recording
from jobs.models import Action, Job
from jobs.shortcuts import task
from tests import factories
from tests.support import invariants

OPERATOR = Actor("olga", frozenset({"dlq.requeue_deadletter", "dlq.discard_deadletter"}), request_id="r-1")


@task(name="tests.dlq.pay", queue="high")
def pay(user_id: int, amount: float = 1.0) -> None: ...


def dead_letter(**columns: Any) -> DeadLetter:
    given: dict[str, Any] = {
        "task": "tests.dlq.pay",
        "queue": "high",
        "payload": {"user_id": 7, "amount": 1.5},
    } | columns
    [letter] = factories.make_letters(**given)
    return letter


@pytest.mark.django_db(transaction=True)
def test_a_requeued_job_keeps_its_id_and_gets_its_full_budget() -> None:
    letter = dead_letter(failures=3, losses=2)
    requeue.requeue(letter.id, actor=OPERATOR, reason="gateway is back")
    job = Job.objects.get()
    assert (job.id, job.state, job.finished_at) == (letter.job_id, State.QUEUED, None)
    assert (job.failures, job.losses, job.unknowns, job.attempt) == (0, 0, 0, 1)
    assert depth.look("high").messages == 1
    letter.refresh_from_db()
    assert (letter.resolution, letter.resolved_by, letter.resolution_reason) == ("requeued", "olga", "gateway is back")
    assert letter.resolved_at is not None
    group = Group.objects.get()
    assert (group.open, group.requeued, group.total) == (0, 1, 1)
    action = Action.objects.get()
    assert (action.actor, action.verb, action.object) == ("olga", "requeue", f"job:{job.id}")
    assert (action.reason, action.request_id) == ("gateway is back", "r-1")
    assert (action.before["state"], action.after["letter"]) == ("dead", str(letter.id))
    invariants.assert_all()


def test_a_discarded_letter_leaves_its_job_dead() -> None:
    letter = dead_letter()
    discard.discard(letter.id, actor=OPERATOR, reason="customer is gone")
    assert (Job.objects.get().state, DeadLetter.objects.get().resolution) == (State.DEAD, "discarded")
    group = Group.objects.get()
    assert (group.open, group.discarded) == (0, 1)
    assert Action.objects.get().verb == "discard"
    invariants.assert_all()


@pytest.mark.parametrize("first", [requeue.requeue, discard.discard])
@pytest.mark.parametrize("second", [requeue.requeue, discard.discard])
def test_what_is_decided_is_decided(first: object, second: object) -> None:
    letter = dead_letter()
    first(letter.id, actor=OPERATOR)  # type: ignore[operator]
    with pytest.raises(StateConflict, match="already by olga"):
        second(letter.id, actor=OPERATOR)  # type: ignore[operator]
    assert Action.objects.count() == 1
    invariants.assert_all()


@pytest.mark.parametrize(
    ("verb", "permission"),
    [(requeue.requeue, "dlq.requeue_deadletter"), (discard.discard, "dlq.discard_deadletter")],
)
def test_without_the_permission_nothing_happens(verb: object, permission: str) -> None:
    letter = dead_letter()
    with pytest.raises(NotAllowed, match=permission):
        verb(letter.id, actor=Actor("vera", frozenset({"jobs.view_job"})))  # type: ignore[operator]
    assert DeadLetter.objects.get().resolution == "open"
    assert Action.objects.count() == 0


def test_an_unknown_letter_is_said_to_be_unknown() -> None:
    with pytest.raises(LetterUnknown):
        requeue.requeue(uuid4(), actor=CODE)


def test_an_edited_requeue_keeps_the_original_and_the_difference() -> None:
    letter = dead_letter()
    requeue.requeue(letter.id, actor=OPERATOR, reason="wrong id", payload={"user_id": 8})
    letter.refresh_from_db()
    assert letter.payload == {"user_id": 7, "amount": 1.5}
    assert letter.payload_diff == {"amount": {"from": 1.5}, "user_id": {"from": 7, "to": 8}}
    assert Job.objects.get().payload == {"user_id": 8}
    assert Action.objects.get().after["payload_edited"] == ["amount", "user_id"]


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"user_id": "eight"}, "user_id"),
        ({"amount": 1.0}, "user_id"),
        ({"user_id": 8, "colour": "red"}, "colour"),
        ([8], "payload"),
    ],
)
def test_a_bad_edit_names_the_field_and_changes_nothing(payload: object, field: str) -> None:
    letter = dead_letter()
    with pytest.raises(PayloadInvalid) as caught:
        requeue.requeue(letter.id, actor=OPERATOR, payload=payload)  # type: ignore[arg-type]
    assert field in caught.value.fields
    job = Job.objects.get()
    assert (job.state, job.payload) == (State.DEAD, {"user_id": 7, "amount": 1.5})
    assert (DeadLetter.objects.get().resolution, Action.objects.count()) == ("open", 0)
    assert Group.objects.get().open == 1


def test_the_payload_of_a_task_nobody_knows_here_can_not_be_edited_but_requeued() -> None:
    letter = dead_letter(task="tests.dlq.gone")
    with pytest.raises(PayloadInvalid, match="not known here"):
        requeue.requeue(letter.id, actor=OPERATOR, payload={})
    requeue.requeue(letter.id, actor=OPERATOR)
    assert Job.objects.get().state == State.QUEUED


def test_what_nobody_can_read_can_only_be_discarded() -> None:
    letter = dead_letter()
    DeadLetter.objects.update(reason=Burial.UNDECODABLE)
    with pytest.raises(StateConflict, match="discard it"):
        requeue.requeue(letter.id, actor=OPERATOR)
    discard.discard(letter.id, actor=OPERATOR)


def test_a_requeued_job_does_not_expire_at_once() -> None:
    past = timezone.now() - timedelta(days=1)
    letter = dead_letter(expires_at=past)
    requeue.requeue(letter.id, actor=OPERATOR)
    assert Job.objects.get().expires_at is None


def test_late_words_about_the_old_attempt_do_not_touch_a_requeued_job() -> None:
    letter = dead_letter()
    job = letter.job
    requeue.requeue(letter.id, actor=OPERATOR)
    recording.record([factories.started(job), factories.buried(job)])
    assert Job.objects.get().state == State.QUEUED
    assert DeadLetter.objects.count() == 1
    invariants.assert_all()


def test_a_requeued_job_that_succeeds_leaves_the_group_without_open_letters() -> None:
    letter = dead_letter()
    requeue.requeue(letter.id, actor=OPERATOR)
    recording.record([factories.started(letter.job, 2), factories.ended(letter.job, 2)])
    assert Job.objects.get().state == State.SUCCEEDED
    group = Group.objects.get()
    assert (group.open, group.died_again) == (0, 0)
    invariants.assert_all()


def test_a_requeued_job_that_dies_again_has_a_new_letter_and_is_counted() -> None:
    letter = dead_letter()
    requeue.requeue(letter.id, actor=OPERATOR)
    recording.record([factories.started(letter.job, 2), factories.buried(letter.job, 2)])
    old, new = DeadLetter.objects.order_by("id")
    assert (old.resolution, new.resolution) == ("requeued", "open")
    assert old.died_again_at is not None
    assert (new.group_id, new.attempts) == (old.group_id, 2)
    group = Group.objects.get()
    assert (group.open, group.total, group.died_again) == (1, 2, 1)
    requeue.requeue(new.id, actor=OPERATOR)
    recording.record([factories.started(letter.job, 3), factories.buried(letter.job, 3)])
    assert Group.objects.get().died_again == 2
    invariants.assert_all()
