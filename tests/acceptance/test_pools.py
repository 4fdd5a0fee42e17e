"""Every pool that Celery offers runs jobs with a heartbeat, and beats before it takes its first message."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.story import Story, marks_in

POOLS = (pytest.param("solo", marks=pytest.mark.long), "threads")
CONF = {"BEAT_SECONDS": 0.5, "RESCUE_AFTER_SECONDS": 4.0}


@pytest.mark.parametrize("pool", POOLS)
def test_a_pool_without_processes_beats_first_runs_jobs_and_beats_while_it_does(
    fresh: Story, marks: Path, gate: Path, pool: str
) -> None:
    waiting = fresh.enqueue("hold", marks=str(marks), until_exists=str(gate))
    fresh.start_keeper()
    worker = fresh.start_worker(pool=pool)
    fresh.wait_for_running(waiting)
    [attempt] = fresh.attempts(waiting)
    assert (attempt["beat"], attempt["pid"]) == (pytest.approx(1, abs=1), worker.pid)
    assert attempt["beat"] >= 1
    fresh.wait_for_beats(10)  # longer than a rescue takes
    [beat] = beats(fresh)
    assert [entry[:2] for entry in beat["running"]] == [[waiting, 1]]
    gate.touch()
    assert fresh.wait_for_end(waiting)["state"] == "succeeded"
    assert fresh.outcomes(waiting) == ["succeeded"]
    others = [fresh.enqueue("fail_late", marks=str(marks), failures=1), fresh.enqueue("add", x=1, y=2)]
    assert fresh.wait_for_ends(others) == {"succeeded": 2}
    assert fresh.stop("worker") is not None
    assert len(marks_in(marks, "began")) == 1


def beats(story: Story) -> list[dict[str, Any]]:
    found: Any = story.broker(1).hgetall("tally:beats")
    return [json.loads(text) for text in found.values()]


@pytest.mark.long
def test_threads_keep_their_jobs_apart(fresh: Story) -> None:
    fresh.start_keeper()
    fresh.start_worker(pool="threads", concurrency=4)
    job_ids = fresh.enqueue_many("chatty", [{"lines": n, "width": 5} for n in range(1, 21)])
    assert fresh.wait_for_ends(job_ids) == {"succeeded": 20}
    for count, job_id in enumerate(job_ids, start=1):
        [attempt] = fresh.attempts(job_id)
        assert attempt["log"].count("xxxxx") == count


@pytest.mark.long
@pytest.mark.parametrize("pool", POOLS)
def test_a_killed_worker_of_such_a_pool_loses_no_job(fresh: Story, marks: Path, gate: Path, pool: str) -> None:
    fresh.start_keeper()
    fresh.start_worker("first", pool=pool)
    job_id = fresh.enqueue("hold", marks=str(marks), until_exists=str(gate))
    fresh.wait_for_running(job_id)
    fresh.kill("first")
    gate.touch()
    fresh.start_worker("second", pool=pool)
    assert fresh.wait_for_end(job_id)["state"] == "succeeded"
    assert fresh.outcomes(job_id) == ["lost", "succeeded"]
