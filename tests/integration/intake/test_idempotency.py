"""One key, one job, for a day and for one user."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.domain.actors import Actor
from jobs.intake import submission
from jobs.intake.drafts import Draft
from jobs.intake.idempotency import IdempotencyConflict
from jobs.models import IdempotencyKey, Job
from tests.support import messages

ANN = Actor("ann", frozenset({"jobs.submit_job"}))
BOB = Actor("bob", frozenset({"jobs.submit_job"}))
KEYED = Draft("noop", {"x": 1, "y": [2]}, idempotency_key="welcome-42")


def test_a_repeated_key_answers_with_the_first_job() -> None:
    first = submission.submit(KEYED, actor=ANN)
    again = submission.submit(KEYED, actor=ANN)
    assert (again.id, again.replayed, first.replayed) == (first.id, True, False)
    assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_replay_publishes_nothing() -> None:
    first = submission.submit(KEYED, actor=ANN)
    submission.submit(KEYED, actor=ANN)
    assert messages.ids() == [str(first.id)]


def test_the_order_of_keys_does_not_make_another_request() -> None:
    submission.submit(KEYED, actor=ANN)
    again = submission.submit(Draft("noop", {"y": [2], "x": 1}, idempotency_key="welcome-42"), actor=ANN)
    assert again.replayed


@pytest.mark.parametrize(
    "other",
    [
        Draft("noop", {"x": 2, "y": [2]}, idempotency_key="welcome-42"),
        Draft("noop", {"x": 1, "y": [2]}, idempotency_key="welcome-42", queue="low"),
        Draft("noop", {"x": 1, "y": [2]}, idempotency_key="welcome-42", tags=["t"]),
        Draft("process_data", {"dataset": "d"}, idempotency_key="welcome-42"),
    ],
)
def test_another_request_under_a_used_key_is_a_conflict(other: Draft) -> None:
    submission.submit(KEYED, actor=ANN)
    with pytest.raises(IdempotencyConflict, match="welcome-42"):
        submission.submit(other, actor=ANN)
    assert Job.objects.count() == 1


def test_keys_of_two_users_do_not_meet() -> None:
    assert submission.submit(KEYED, actor=ANN).id != submission.submit(KEYED, actor=BOB).id


def test_a_key_is_free_again_after_a_day() -> None:
    now = timezone.now()
    first = submission.submit(KEYED, actor=ANN, now=now)
    almost = submission.submit(KEYED, actor=ANN, now=now + timedelta(hours=23, minutes=59))
    after = submission.submit(KEYED, actor=ANN, now=now + timedelta(hours=24, seconds=1))
    assert (almost.id, after.id == first.id) == (first.id, False)
    assert IdempotencyKey.objects.get().job_id == after.id


def test_a_key_given_twice_in_one_batch_is_one_job() -> None:
    jobs = submission.submit_many([KEYED, Draft("noop"), KEYED], actor=ANN)
    assert jobs[0].id == jobs[2].id != jobs[1].id
    assert Job.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_key_given_twice_in_one_batch_is_published_once() -> None:
    jobs = submission.submit_many([KEYED, KEYED], actor=ANN)
    assert messages.ids() == [str(jobs[0].id)]


def test_two_requests_under_one_key_in_one_batch_are_a_conflict() -> None:
    other = Draft("noop", {"x": 99}, idempotency_key="welcome-42")
    with pytest.raises(IdempotencyConflict):
        submission.submit_many([KEYED, other], actor=ANN)
    assert not Job.objects.exists()
    assert not IdempotencyKey.objects.exists()


def test_a_batch_of_old_and_new_keys_inserts_the_new_ones() -> None:
    first = submission.submit(KEYED, actor=ANN)
    jobs = submission.submit_many([Draft("noop", idempotency_key="new"), KEYED], actor=ANN)
    assert [job.replayed for job in jobs] == [False, True]
    assert jobs[1].id == first.id
    assert Job.objects.count() == 2


def test_a_key_whose_job_was_pruned_is_free_again() -> None:
    first = submission.submit(KEYED, actor=ANN)
    Job.objects.all().delete()
    again = submission.submit(KEYED, actor=ANN)
    assert (again.id == first.id, again.replayed, Job.objects.count()) == (False, False, 1)
