"""A deploy stops workers with SIGTERM: no job is lost, none pays for it, and the worker is gone in its time."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import Process
from tests.support.story import Story, eventually, is_alive, marks_in

SOFT_SECONDS = 1.0
SETTINGS = {"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": SOFT_SECONDS}
VARIABLES = {"TALLY_RETRY_TIME_SCALE": "0.01"}
WORKERS: dict[str, dict[str, object]] = {}
# Beyond the soft shutdown: killing what does not listen (2 s), saying so, leaving; the rest is a busy machine's.
LEAVING_SECONDS = 10.0


@pytest.fixture
def worker(story: Story) -> Iterator[Process]:
    worker = story.start_worker(concurrency=2)
    yield worker
    worker.kill_group()


def stop_in_time(worker: Process) -> float:
    """SIGTERM; how long the worker took to go."""
    asked_at = time.monotonic()
    worker.signal(signal.SIGTERM)
    worker.wait(seconds=30)
    return time.monotonic() - asked_at


def wait_for_more(marks: Path) -> None:
    ran = len(marks_in(marks, "job-"))
    eventually(lambda: len(marks_in(marks, "job-")) > ran, "jobs to run")


def test_a_sigterm_under_load_loses_nothing_and_costs_no_budget(story: Story, worker: Process, marks: Path) -> None:
    payloads = [{"marks": str(marks), "seconds": 0.4, "text": f"job-{n}", "end": f"end-{n}"} for n in range(30)]
    job_ids = story.enqueue_many("mark", payloads)
    last = worker
    for _ in range(3):
        wait_for_more(marks)
        assert stop_in_time(story.processes["worker"]) < SOFT_SECONDS + LEAVING_SECONDS
        last = story.start_worker(concurrency=2)
    assert story.wait_for_ends(job_ids) == {"succeeded": 30}
    rows = story.call("answer = list(Job.objects.filter(id__in=ids).values('failures', 'losses'))", ids=job_ids)
    assert {(row["failures"], row["losses"]) for row in rows} == {(0, 0)}
    code = "answer = list(Attempt.objects.filter(job_id__in=ids).values_list('outcome', flat=True))"
    outcomes = story.call(code, ids=job_ids)
    assert set(outcomes) <= {"succeeded", "interrupted"}
    for number in range(30):
        assert len(marks_in(marks, f"end-{number} ")) == 1
    last.stop()


def test_a_job_longer_than_the_soft_shutdown_is_interrupted_and_runs_again(
    story: Story, worker: Process, marks: Path, gate: Path
) -> None:
    job_id = story.enqueue("hold", marks=str(marks), until_exists=str(gate))
    pid = story.wait_for_running(job_id)
    assert stop_in_time(worker) < SOFT_SECONDS + LEAVING_SECONDS
    assert not is_alive(pid)
    eventually(lambda: story.outcomes(job_id) == ["interrupted"], "the interruption to be recorded", seconds=10)
    gate.touch()
    following = story.start_worker("next", concurrency=2)
    row = story.wait_for_end(job_id)
    following.stop()
    assert (row["state"], row["failures"], row["losses"]) == ("succeeded", 0, 0)
    assert story.outcomes(job_id) == ["interrupted", "succeeded"]
    assert story.attempts(job_id)[0]["error_type"] == "Interrupted"


def test_a_job_shorter_than_the_soft_shutdown_ends_in_peace(story: Story, worker: Process, marks: Path) -> None:
    job_id = story.enqueue("mark", marks=str(marks), seconds=0.5, end="ended")
    story.wait_for_running(job_id)
    stop_in_time(worker)
    assert story.wait_for_end(job_id)["state"] == "succeeded"
    assert story.outcomes(job_id) == ["succeeded"]


def test_a_child_that_ignores_the_order_is_killed_and_the_worker_is_gone_in_time(
    story: Story, worker: Process, marks: Path
) -> None:
    job_id = story.enqueue("stubborn", marks=str(marks), seconds=60.0)
    pid = story.wait_for_running(job_id)
    assert stop_in_time(worker) < SOFT_SECONDS + LEAVING_SECONDS
    eventually(lambda: not is_alive(pid), "the stubborn process to be gone", seconds=5)
    eventually(lambda: story.outcomes(job_id) == ["interrupted"], "the interruption to be recorded", seconds=10)
    assert len(marks_in(marks, "ended")) == 0
    assert story.row(job_id)["losses"] == 0
    story.cancel(job_id)


def test_a_worker_takes_its_name_off_the_list_when_it_leaves(story: Story, worker: Process) -> None:
    beats = story.broker(1)
    eventually(lambda: beats.hlen("tally:beats") == 1, "the worker's beat")
    stop_in_time(worker)
    assert beats.hlen("tally:beats") == 0


def test_an_idle_worker_is_gone_at_once(worker: Process) -> None:
    assert stop_in_time(worker) < LEAVING_SECONDS
