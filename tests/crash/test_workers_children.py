"""What becomes of an attempt whose process dies, runs out of time or takes itself along; the worker itself goes on."""

import signal
import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.story import Story, eventually, is_alive, kill, marks_in, seconds_between

VARIABLES = {"TALLY_RETRY_TIME_SCALE": "0.01"}
CONF = {"MAX_LOST": 1_000}
WORKERS = {"worker": {"concurrency": 1}}
LOST_WITHIN_SECONDS = 2.0


@pytest.mark.parametrize("times", [5, pytest.param(20, marks=pytest.mark.long)])
def test_a_killed_process_is_noticed_within_two_seconds_each_time(
    story: Story, marks: Path, gate: Path, times: int
) -> None:
    job_id = story.enqueue("hold", marks=str(marks), until_exists=str(gate), limit_seconds=120)
    noticed = []
    for number in range(1, times + 1):
        pid = story.wait_for_running(job_id, attempt=number)
        killed_at = time.time()
        kill(pid)
        eventually(lambda: story.outcomes(job_id).count("lost") >= number, f"attempt {number} to be lost", seconds=10)  # noqa: B023  (called at once)
        lost = story.attempts(job_id)[number - 1]
        noticed.append(stamp(lost["finished_at"]) - killed_at)
    assert max(noticed) < LOST_WITHIN_SECONDS
    gate.touch()
    row = story.wait_for_end(job_id)
    assert (row["state"], row["losses"], row["failures"]) == ("succeeded", times, 0)
    assert story.outcomes(job_id) == ["lost"] * times + ["succeeded"]
    assert len(marks_in(marks, "began")) == times + 1


def stamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_a_segfault_is_a_loss_and_not_the_workers_end(story: Story, marks: Path) -> None:
    job_id = story.enqueue("die", marks=str(marks), signum=int(signal.SIGSEGV), times=1)
    assert story.wait_for_end(job_id)["state"] == "succeeded"
    first, second = story.attempts(job_id)
    assert (first["outcome"], first["error_type"], second["outcome"]) == ("lost", "WorkerLost", "succeeded")
    assert "SIGSEGV" in first["error"]
    assert story.processes["worker"].returncode is None


def test_the_hard_limit_ends_the_attempt_once_as_timed_out(story: Story, marks: Path) -> None:
    job_id = story.enqueue("overrun", marks=str(marks))
    row = story.wait_for_end(job_id)
    [attempt] = story.attempts(job_id)
    assert (row["state"], row["failures"], row["losses"]) == ("dead", 1, 0)
    assert (attempt["outcome"], attempt["late_outcome"]) == ("timed_out", "")
    assert [letter["reason"] for letter in story.letters(job_id)] == ["timed_out"]
    assert 0.9 <= seconds_between(attempt["started_at"], attempt["finished_at"]) < 5.0
    eventually(lambda: not is_alive(attempt["pid"]), "the process to be gone", seconds=5)  # it is closed, then killed


def test_the_soft_limit_ends_the_attempt_with_a_traceback(story: Story, marks: Path) -> None:
    job_id = story.enqueue("overrun_softly", marks=str(marks))
    row = story.wait_for_end(job_id)
    [attempt] = story.attempts(job_id)
    assert (row["state"], attempt["outcome"]) == ("dead", "timed_out")
    assert "SoftTimeLimitExceeded" in attempt["traceback"]
    assert "in overrun_softly" in attempt["traceback"]
    assert is_alive(attempt["pid"])


def test_an_attempt_past_its_hard_limit_is_tried_again_if_the_budget_allows(story: Story, marks: Path) -> None:
    code = "answer = t.mark.apply_async((m, 60.0), time_limit=1, max_retries=1).id"
    job_id = story.call(code, m=str(marks))
    assert story.wait_for_end(job_id)["state"] == "dead"
    assert story.outcomes(job_id) == ["timed_out", "timed_out"]
    assert len(marks_in(marks)) == 2


def test_the_jobs_before_and_after_a_death_are_untouched(story: Story, marks: Path) -> None:
    before = story.enqueue("mark", marks=str(marks), text="before")
    dying = story.enqueue("die", marks=str(marks), times=2)
    after = story.enqueue("mark", marks=str(marks), text="after")
    assert story.wait_for_ends([before, dying, after]) == {"succeeded": 3}
    assert story.outcomes(dying) == ["lost", "lost", "succeeded"]
    assert len(marks_in(marks, "before")) == len(marks_in(marks, "after")) == 1


class TestThreeLosses:
    def test_bury_the_job_as_a_crash_loop(self, fresh: Story, marks: Path) -> None:
        fresh.environment["TALLY_TEST_TASKQUEUE"] = "{}"
        fresh.start_keeper()
        fresh.start_worker(concurrency=1)
        job_id = fresh.enqueue("die", marks=str(marks))
        row = fresh.wait_for_end(job_id)
        assert (row["state"], row["losses"], row["failures"]) == ("dead", 3, 0)
        assert fresh.outcomes(job_id) == ["lost"] * 3
        assert [letter["reason"] for letter in fresh.letters(job_id)] == ["crash_loop"]
        assert len(marks_in(marks)) == 3
