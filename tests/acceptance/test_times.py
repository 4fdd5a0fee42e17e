"""When a job runs: at once, when it is due, however long it takes, and not after it has expired."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.story import Story, eventually, marks_in, seconds_between

VARIABLES = {"TALLY_DEMO_TIME_SCALE": "1"}
PUNCTUAL_SECONDS = 0.5
NOISE_SECONDS = 1.0  # of a machine that runs other tests beside this one


@pytest.fixture(scope="module", autouse=True)
def long_job(shared: Story) -> tuple[str, Path]:
    """Submitted before everything else: it runs while the other tests do."""
    marks = shared.directory / "marks-of-the-long-job"
    return shared.enqueue("mark", marks=str(marks), seconds=12.0, end="ended"), marks


def test_a_long_job_runs_once_on_a_broker_with_everything_default(story: Story, long_job: tuple[str, Path]) -> None:
    """12 s: longer than the silence after which a worker counts as gone, and than the broker's socket timeout."""
    job_id, marks = long_job
    row = story.wait_for_end(job_id)
    assert row["state"] == "succeeded"
    assert story.outcomes(job_id) == ["succeeded"]
    assert (len(marks_in(marks, "ran")), len(marks_in(marks, "ended"))) == (1, 1)


def test_a_countdown_leaves_the_wire_empty_until_it_is_due(story: Story, marks: Path) -> None:
    job_id = story.call(
        "answer = t.mark.apply_async((m,), {'text': 'due'}, countdown=3, queue='high').id", m=str(marks)
    )
    due = datetime.fromisoformat(story.row(job_id)["run_at"])
    broker, seen = story.broker(), set()

    def is_started() -> bool:
        now = datetime.now(UTC)
        if broker.llen("high") and now < due:
            seen.add(now)
        return bool(marks_in(marks, "due"))

    eventually(is_started, "the job to start", seconds=20)
    assert seen == set()
    row = story.wait_for_end(job_id)
    started = story.attempts(job_id)[0]["started_at"]
    assert 0 <= seconds_between(row["run_at"], started) < PUNCTUAL_SECONDS + NOISE_SECONDS
    assert seconds_between(row["created_at"], row["run_at"]) == 3


def test_an_eta_in_the_past_means_now(story: Story, marks: Path) -> None:
    code = """
from datetime import timedelta
from django.utils import timezone
answer = t.mark.apply_async((m,), eta=timezone.now() - timedelta(days=1)).id
"""
    assert story.wait_for_end(story.call(code, m=str(marks)))["state"] == "succeeded"


def test_a_job_that_expires_before_it_is_due_never_runs(story: Story, marks: Path) -> None:
    job_id = story.call("answer = t.mark.apply_async((m,), countdown=3, expires=1).id", m=str(marks))
    assert story.wait_for_end(job_id)["state"] == "expired"
    assert marks_in(marks) == []


def test_report_shows_its_progress_and_ends_complete(story: Story) -> None:
    story.environment["TALLY_DEMO_TIME_SCALE"] = "1"
    job_id = story.enqueue("generate_report", report_type="x", user_id="u", date_range="d")
    eventually(lambda: story.row(job_id)["progress_message"] == "collecting data", "its first stage")
    story.cancel(job_id)
    assert story.wait_for_end(job_id)["state"] == "cancelled"
