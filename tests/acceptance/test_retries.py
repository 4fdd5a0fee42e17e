"""A job that fails is tried again as its policy says, and buried when the policy says no more."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.support.story import Story, marks_in, seconds_between

VARIABLES = {"TALLY_RETRY_TIME_SCALE": "0.1", "TALLY_DEMO_FAILURE_SCALE": "100", "TALLY_DEMO_TIME_SCALE": "0.01"}
SCALE = 0.1
LATENESS_SECONDS = 2.0  # of a busy machine, beyond the wait itself


@pytest.fixture(scope="module", autouse=True)
def slow_jobs(shared: Story) -> dict[str, str]:
    """Submitted before everything else: their waits pass while the other tests run."""
    return {
        "send_email": shared.enqueue("send_email", to="a@b.c", subject="Hi", body="…"),
        "always_fails": shared.enqueue("always_fails", message="as ever"),
    }


def test_always_fails_makes_four_attempts_and_leaves_a_dead_letter(story: Story, slow_jobs: dict[str, str]) -> None:
    job_id = slow_jobs["always_fails"]
    row = story.wait_for_end(job_id)
    attempts = story.attempts(job_id)
    assert row["state"] == "dead"
    assert [a["outcome"] for a in attempts] == ["failed"] * 4
    assert all("SimulatedFailure: as ever" in a["traceback"] and "in always_fails" in a["traceback"] for a in attempts)
    for number, (failed, following) in enumerate(itertools.pairwise(attempts), start=1):
        shortest = SCALE * 2**number
        asked = seconds_between(failed["finished_at"], failed["retry_at"])
        assert shortest <= asked <= 1.3 * shortest
        waited = seconds_between(failed["finished_at"], following["started_at"])
        assert shortest <= waited <= 1.3 * shortest + LATENESS_SECONDS
    [letter] = story.letters(job_id)
    assert (letter["resolution"], letter["reason"], letter["attempts"]) == ("open", "exhausted", 4)
    assert letter["payload"] == {"message": "as ever"}


def test_send_email_forced_to_fail_makes_six_attempts(story: Story, slow_jobs: dict[str, str]) -> None:
    job_id = slow_jobs["send_email"]
    assert story.wait_for_end(job_id)["state"] == "dead"
    assert story.outcomes(job_id) == ["failed"] * 6
    assert len({a["retry_at"] for a in story.attempts(job_id)}) == 6


def test_a_job_that_recovers_succeeds_with_its_failures_on_record(story: Story, marks: Path) -> None:
    job_id = story.enqueue("fail_late", marks=str(marks), failures=2)
    row = story.wait_for_end(job_id)
    assert (row["state"], row["result"], row["failures"]) == ("succeeded", "recovered", 2)
    assert story.outcomes(job_id) == ["failed", "failed", "succeeded"]
    assert len(marks_in(marks)) == 3
    assert story.letters(job_id) == []


def test_a_task_may_say_when_it_is_tried_again(story: Story, marks: Path) -> None:
    job_id = story.enqueue("retry_after", marks=str(marks), seconds=5.0)
    assert story.wait_for_end(job_id)["result"] == "later"
    first, second = story.attempts(job_id)
    assert (first["outcome"], first["error"]) == ("failed", "busy")
    assert seconds_between(first["finished_at"], first["retry_at"]) == pytest.approx(5.0 * SCALE, abs=0.01)
    assert second["outcome"] == "succeeded"


def test_a_task_may_discard_its_job_with_a_reason(story: Story) -> None:
    job_id = story.enqueue("discard")
    row = story.wait_for_end(job_id)
    assert (row["state"], row["error"]) == ("dead", "the customer is gone")
    assert story.outcomes(job_id) == ["failed"]
    assert [letter["reason"] for letter in story.letters(job_id)] == ["not_retryable"]


@pytest.mark.parametrize(("kind", "attempts"), [("flaky", 4), ("hopeless", 1), ("other", 1)])
def test_only_the_named_exceptions_are_tried_again(story: Story, kind: str, attempts: int) -> None:
    job_id = story.enqueue("choosy", kind=kind)
    assert story.wait_for_end(job_id)["state"] == "dead"
    assert story.outcomes(job_id) == ["failed"] * attempts
    reason = "exhausted" if attempts > 1 else "not_retryable"
    assert [letter["reason"] for letter in story.letters(job_id)] == [reason]


def call_celery(story: Story, task: str, **payload: Any) -> str:
    return str(story.call("answer = getattr(c, task).delay(**payload).id", task=task, payload=payload))


@pytest.mark.parametrize(
    ("how", "attempts", "error"),
    [
        ("plain", 3, "celery.exceptions.MaxRetriesExceededError"),
        ("exc", 3, "tests.support.sample_tasks.Flaky"),
        ("max_retries", 2, "tests.support.sample_tasks.Flaky"),
    ],
)
def test_self_retry_means_what_it_means_in_celery(
    story: Story, marks: Path, how: str, attempts: int, error: str
) -> None:
    job_id = call_celery(story, "celery_retry", marks=str(marks), how=how)
    row = story.wait_for_end(job_id)
    assert (row["state"], row["error_type"]) == ("dead", error)
    assert story.outcomes(job_id) == ["failed"] * attempts
    assert len(marks_in(marks)) == attempts
    assert [letter["reason"] for letter in story.letters(job_id)] == ["exhausted"]


def test_self_retry_with_a_countdown_waits_that_long(story: Story, marks: Path) -> None:
    job_id = call_celery(story, "celery_retry", marks=str(marks), how="plain")
    story.wait_for_end(job_id)
    waits = [seconds_between(a["finished_at"], a["retry_at"]) for a in story.attempts(job_id)[:-1]]
    assert waits == pytest.approx([1.0 * SCALE] * 2, abs=0.01)


def test_self_retry_without_throwing_still_retries(story: Story, marks: Path) -> None:
    job_id = call_celery(story, "celery_retry", marks=str(marks), how="quiet")
    row = story.wait_for_end(job_id)
    assert (row["state"], row["result"]) == ("succeeded", "after 1")
    assert story.outcomes(job_id) == ["failed", "succeeded"]


def test_autoretry_follows_celerys_back_off(story: Story) -> None:
    job_id = call_celery(story, "celery_autoretry")
    row = story.wait_for_end(job_id)
    attempts = story.attempts(job_id)
    assert (row["state"], len(attempts)) == ("dead", 4)
    waits = [seconds_between(a["finished_at"], a["retry_at"]) for a in attempts[:-1]]
    # 2, 4 and 8 s, of which no wait is longer than retry_backoff_max; without jitter.
    assert waits == pytest.approx([2 * SCALE, 3 * SCALE, 3 * SCALE], abs=0.01)


def test_autoretry_leaves_other_exceptions_alone(story: Story) -> None:
    job_id = call_celery(story, "celery_autoretry", kind="other")
    assert story.wait_for_end(job_id)["state"] == "dead"
    assert story.outcomes(job_id) == ["failed"]


def test_a_plain_celery_task_that_fails_is_not_tried_again(story: Story, marks: Path) -> None:
    job_id = call_celery(story, "celery_plain", marks=str(marks), fails=True)
    assert story.wait_for_end(job_id)["state"] == "dead"
    assert len(marks_in(marks)) == 1
