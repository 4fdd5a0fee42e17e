"""What follows a job is submitted with its outcome, once, or becomes a dead job that says why."""

from typing import Any
from uuid import uuid4

import pytest
from celery import chain, chord, group, shared_task
from celery.result import AsyncResult

from dlq.models import DeadLetter
from jobs.domain.states import Event, Outcome, State
from jobs.lifecycle import moving, recording
from jobs.lifecycle.applying import JobEntry
from jobs.models import Chord, Job
from tests import factories
from tests.support import invariants
from tests.support.called_tasks import plain


@shared_task(name="tests.gather")
def gather(values: list[int]) -> int:
    return sum(values)


@shared_task(name="tests.apologise")
def apologise(failed_id: str) -> str:
    return failed_id


def the_only(**conditions: Any) -> Job:
    return Job.objects.get(**conditions)


def succeed(job: Job, result: Any = 7) -> None:
    recording.record([factories.started(job), factories.ended(job, result=result)])


def bury(job: Job) -> None:
    recording.record([factories.started(job), factories.buried(job)])


def test_a_chain_goes_on_step_by_step_with_the_last_result() -> None:
    result = chain(plain.s(1), plain.s(), plain.s(100)).apply_async()
    first = the_only()
    succeed(first, 7)
    second = the_only(parent_id=first.id)
    assert second.args == [7] or second.payload == {"x": 7}
    succeed(second, 8)
    third = the_only(parent_id=second.id)
    succeed(third, 108)
    assert str(third.id) == result.id
    assert {first.id, second.root_id, third.root_id} == {first.id}
    assert AsyncResult(result.id).get(timeout=5) == 108
    assert Job.objects.count() == 3
    invariants.assert_all()


def test_an_outcome_told_twice_submits_the_rest_once() -> None:
    chain(plain.s(1), plain.s()).apply_async()
    first = the_only()
    entries: list[JobEntry] = [factories.started(first), factories.ended(first, result=1)]
    recording.record(entries)
    recording.record([*entries, *entries])
    assert Job.objects.count() == 2


def test_a_dead_step_ends_the_chain() -> None:
    chain(plain.s(1), plain.s()).apply_async()
    bury(the_only())
    assert Job.objects.count() == 1


def test_a_retry_submits_nothing_yet() -> None:
    chain(plain.s(1), plain.s()).apply_async()
    first = the_only()
    recording.record([factories.ended(first, outcome=Outcome.FAILED)])
    assert Job.objects.count() == 1


def test_links_follow_a_success_and_error_links_a_death() -> None:
    for _ in range(2):
        plain.apply_async((1,), link=plain.s(10), link_error=apologise.s())
    lucky, unlucky = Job.objects.order_by("id")
    succeed(lucky, 5)
    bury(unlucky)
    linked, apology = the_only(parent_id=lucky.id), the_only(parent_id=unlucky.id)
    assert (linked.task, linked.args) == (plain.name, [5, 10])
    assert (apology.task, apology.args) == (apologise.name, [str(unlucky.id)])


def test_an_immutable_link_does_not_get_the_result() -> None:
    plain.apply_async((1,), link=plain.si(9))
    first = the_only()
    succeed(first, 5)
    assert the_only(parent_id=first.id).args == [9]


def test_a_link_whose_id_is_taken_is_buried_and_the_outcome_stands() -> None:
    taken = str(uuid4())
    for _ in range(2):
        plain.apply_async((1,), link=plain.s().set(task_id=taken))
    jobs = list(Job.objects.order_by("id"))
    for job in jobs:
        succeed(job, 5)
    assert [the_only(id=job.id).state for job in jobs] == [State.SUCCEEDED, State.SUCCEEDED]
    assert the_only(id=taken).parent_id == jobs[0].id
    buried = the_only(parent_id=jobs[1].id)
    assert (buried.state, buried.error_type) == (State.DEAD, "IntegrityError")


def test_what_can_not_be_submitted_is_a_dead_job_that_says_why() -> None:
    plain.apply_async((1,), link=plain.s().set(queue="nowhere"))
    first = the_only()
    succeed(first)
    buried = the_only(parent_id=first.id)
    assert (buried.state, buried.error_type) == (State.DEAD, "UnknownQueue")
    assert "nowhere" in buried.error
    assert DeadLetter.objects.get().job_id == buried.id
    assert the_only(id=first.id).state == State.SUCCEEDED


def test_a_chord_submits_its_body_once_with_the_results_in_order() -> None:
    result = chord([plain.s(number) for number in range(4)], gather.s()).apply_async()
    members = list(Job.objects.order_by("group_index"))
    assert Chord.objects.get().size == 4
    for member in members[::-1]:
        assert Job.objects.count() == 4
        succeed(member, member.group_index)
    body = the_only(task=gather.name)
    assert (str(body.id), body.args) == (result.id, [[0, 1, 2, 3]])
    succeed(body, 6)
    assert AsyncResult(result.id).get(timeout=5) == 6
    invariants.assert_all()


def test_a_chord_recorded_in_one_batch_submits_its_body_once() -> None:
    chord([plain.s(number) for number in range(10)], gather.s()).apply_async()
    members = list(Job.objects.order_by("group_index"))
    entries = [factories.ended(member, result=member.group_index) for member in members]
    recording.record(entries[:9])
    assert not Job.objects.filter(task=gather.name).exists()
    recording.record([*entries[9:], *entries])
    assert the_only(task=gather.name).args == [list(range(10))]


def test_a_dead_member_keeps_the_body_back_until_it_was_requeued_and_succeeds() -> None:
    chord([plain.s(1), plain.s(2)], gather.s()).apply_async()
    lucky, unlucky = Job.objects.order_by("group_index")
    bury(unlucky)
    succeed(lucky, 1)
    assert not Job.objects.filter(task=gather.name).exists()
    [again] = moving.requeue([the_only(id=unlucky.id)], now=unlucky.created_at)
    DeadLetter.objects.all().delete()
    recording.record([factories.ended(again, 2, result=2)])
    assert the_only(task=gather.name).args == [[1, 2]]


def test_a_group_in_a_chain_is_a_chord() -> None:
    (group(plain.s(1), plain.s(2)) | gather.s() | plain.s(1000)).apply_async()
    for member in Job.objects.order_by("group_index"):
        succeed(member, member.group_index)
    body = the_only(task=gather.name)
    succeed(body, 1)
    last = the_only(parent_id=body.id)
    assert last.args == [1, 1000]


def test_the_end_of_a_chain_may_be_a_group() -> None:
    (plain.s(1) | group(plain.s(2), plain.s(3))).apply_async()
    first = the_only()
    succeed(first, 50)
    members = Job.objects.exclude(id=first.id).order_by("group_index")
    assert [job.payload for job in members] == [{"x": 50, "y": 2}, {"x": 50, "y": 3}]
    assert {job.root_id for job in members} == {first.id}


@pytest.mark.parametrize("state", [State.CANCELLED, State.EXPIRED])
def test_what_never_ran_is_followed_by_nothing(state: State) -> None:
    plain.apply_async((1,), link=plain.s(), link_error=apologise.s())
    job = the_only()
    recording.record([factories.withdrawn(job, event=Event(state.value))])
    assert the_only().state == state
