"""What a pool's process takes or waits for itself is as safe as what it is given: killed, cancelled, stopped, limited."""

# Shows guarantees 1, 2, 3 and 4 of docs/guarantees.md.

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.process import Process
from tests.support.story import Story, eventually, is_alive, marks_in

VARIABLES = {"TALLY_RETRY_TIME_SCALE": "0.01"}
# The stack's Redis is young: with the usual skew its messages would be asked about one by one.
# Turns are long: who has nothing to do waits, however slow this machine. What it would lose is published again too late.
CONF = {"BEAT_SECONDS": 0.5, "CLOCK_SKEW_SECONDS": 0.0, "TURN_SECONDS": 150.0, "REPUBLISH_GRACE_SECONDS": 60.0}
SETTINGS = {"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": 1.0}
WORKERS: dict[str, dict[str, object]] = {}


@pytest.fixture
def worker(story: Story) -> Iterator[Process]:
    """One process. Whatever it does in these tests it has done before: it takes only what it knows."""
    worker = story.start_worker(concurrency=1)
    story.wait_for_beats(2)
    gate, marks = story.marks_file(), story.marks_file()
    gate.touch()
    known: dict[str, dict[str, Any]] = {
        "mark": {"marks": str(marks)},
        "hold": {"marks": str(marks), "until_exists": str(gate)},
        "die": {"marks": str(marks), "times": 0},
        "limited": {},
        "stubborn": {"marks": str(marks), "seconds": 0.0},
    }
    for task, payload in known.items():
        story.wait_for_end(story.enqueue(task, **payload))
    eventually(lambda: takes_itself(story, marks), "the process to take what comes", seconds=30)
    yield worker
    worker.kill_group()


def takes_itself(story: Story, marks: Path) -> bool:
    before = story.handed_out()
    story.wait_for_end(story.enqueue("mark", marks=str(marks)))
    return story.handed_out() == before


def names(marks: Path, count: int) -> list[tuple[str, dict[str, Any]]]:
    return [("mark", {"marks": str(marks), "text": f"job-{n}"}) for n in range(count)]


def test_a_backlog_is_taken_by_the_process_itself_each_job_once(story: Story, worker: Process, marks: Path) -> None:
    before = story.handed_out()
    job_ids = story.enqueue_mixed(names(marks, 200))
    assert story.wait_for_ends(job_ids) == {"succeeded": 200}
    assert sorted(line.split()[0] for line in marks_in(marks)) == sorted(f"job-{n}" for n in range(200))
    assert story.handed_out() - before < 100
    rows = story.call("answer = list(Attempt.objects.filter(job_id__in=ids).values())", ids=job_ids)
    assert {(row["number"], row["outcome"], row["worker"].partition("@")[0]) for row in rows} == {
        (1, "succeeded", "worker")
    }
    assert all(row["wait_seconds"] is not None and row["started_at"] <= row["finished_at"] for row in rows)
    assert len({row["pid"] for row in rows}) == 1


def test_what_comes_later_is_taken_by_the_process_that_waits_for_it(story: Story, worker: Process, marks: Path) -> None:
    before = story.handed_out()
    for n in range(20):
        job_id = story.enqueue("mark", marks=str(marks), text=f"job-{n}")
        assert story.wait_for_end(job_id)["state"] == "succeeded"
    assert [line.split()[0] for line in marks_in(marks)] == [f"job-{n}" for n in range(20)]
    assert story.handed_out() - before < 10


def active(story: Story) -> list[dict[str, Any]]:
    asked = "from taskqueue_project.celery import app; answer = app.control.inspect(timeout=5, limit=1).active()"
    return [info for of_worker in story.call(asked).values() for info in of_worker]


def test_celery_is_told_what_a_process_runs_and_not_what_it_was_given(
    story: Story, worker: Process, marks: Path, gate: Path
) -> None:
    assert story.wait_for_end(story.enqueue("mark", marks=str(marks)))["state"] == "succeeded"
    assert active(story) == []
    held = story.enqueue("hold", marks=str(marks), until_exists=str(gate))
    pid = story.wait_for_running(held)
    [info] = active(story)
    assert (info["id"], info["name"], info["worker_pid"]) == (held, "hold", pid)
    assert info["delivery_info"]["routing_key"] == "default"
    gate.touch()
    assert story.wait_for_end(held)["state"] == "succeeded"


def test_what_only_the_parent_can_do_is_not_kept_from_it_by_a_process_that_waits(
    story: Story, worker: Process, marks: Path
) -> None:
    before = story.handed_out()
    for _ in range(5):
        assert story.wait_for_end(story.enqueue("mark", marks=str(marks)))["state"] == "succeeded"
        assert story.wait_for_end(story.enqueue("limited"), seconds=20)["state"] == "succeeded"
    assert story.handed_out() - before >= 5


def test_who_was_hung_up_on_listens_again(story: Story, worker: Process, marks: Path, gate: Path) -> None:
    """As Redis does with connections that were idle for long."""
    before = story.handed_out()
    held = story.enqueue("hold", marks=str(marks), until_exists=str(gate))
    its_own = {
        f"127.0.0.1:{line.laddr.port}" for line in psutil.Process(story.wait_for_running(held)).net_connections()
    }
    with story.broker() as broker:
        [ear] = [c for c in broker.client_list() if c["addr"] in its_own and c["cmd"] == "brpop"]
        broker.client_kill_filter(_id=ear["id"])
    gate.touch()
    assert story.wait_for_end(held)["state"] == "succeeded"
    for _ in range(6):
        assert story.wait_for_end(story.enqueue("mark", marks=str(marks)))["state"] == "succeeded"
    assert story.handed_out() == before


def test_a_worker_that_is_stopped_while_its_process_waits_is_gone_at_once_and_takes_nothing_more(
    story: Story, worker: Process, marks: Path
) -> None:
    assert story.wait_for_end(story.enqueue("mark", marks=str(marks)))["state"] == "succeeded"
    worker.signal(signal.SIGTERM)
    worker.wait(seconds=20)
    later = story.enqueue("mark", marks=str(marks))
    following = story.start_worker("next", concurrency=1)
    assert story.wait_for_end(later)["state"] == "succeeded"
    assert story.outcomes(later) == ["succeeded"]
    assert len(marks_in(marks)) == 2
    following.stop()


def test_a_worker_that_is_killed_while_its_process_waits_takes_nothing_along(
    story: Story, worker: Process, marks: Path
) -> None:
    ended = story.enqueue("mark", marks=str(marks))
    assert story.wait_for_end(ended)["state"] == "succeeded"
    worker.kill()
    later = story.enqueue("mark", marks=str(marks))
    following = story.start_worker("next", concurrency=1)
    assert story.wait_for_end(later)["state"] == "succeeded"
    assert story.outcomes(later) == story.outcomes(ended) == ["succeeded"]
    assert len(marks_in(marks)) == 2
    following.stop()


def test_a_job_that_kills_the_process_that_took_it_is_lost_and_runs_again(
    story: Story, worker: Process, marks: Path
) -> None:
    """Its parent, who never saw it, says so, and says it of nothing else."""
    lives = [("die", {"marks": str(marks), "times": 0})]
    *before, dead, after = story.enqueue_mixed([*lives * 4, ("die", {"marks": str(marks), "times": 1}), *lives])
    assert story.wait_for_ends([*before, dead, after]) == {"succeeded": 6}
    assert story.outcomes(dead) == ["lost", "succeeded"]
    assert story.attempts(dead)[0]["error_type"] == "WorkerLost"
    for job_id in (*before, after):
        assert story.outcomes(job_id) == ["succeeded"]
    assert len(marks_in(marks)) == 7


def test_what_a_process_took_is_in_its_workers_beats(story: Story, worker: Process, marks: Path, gate: Path) -> None:
    """Or the keeper would take it for lost."""
    *_, held = story.enqueue_mixed([*names(marks, 3), ("hold", {"marks": str(marks), "until_exists": str(gate)})])
    story.wait_for_running(held)
    story.wait_for_beats(8)
    assert story.outcomes(held) == ["running"]
    gate.touch()
    assert story.wait_for_end(held)["state"] == "succeeded"
    assert story.outcomes(held) == ["succeeded"]


def test_a_job_that_a_process_took_is_cancelled_and_its_neighbours_are_not(
    story: Story, worker: Process, marks: Path, gate: Path
) -> None:
    hold = ("hold", {"marks": str(marks), "until_exists": str(gate)})
    *first, held, last = story.enqueue_mixed([*names(marks, 3), hold, *names(marks, 1)])
    pid = story.wait_for_running(held)
    assert story.cancel(held) == "revoking"
    assert story.wait_for_ends([*first, held, last]) == {"succeeded": 4, "cancelled": 1}
    assert story.outcomes(held) == ["cancelled"]
    eventually(lambda: not is_alive(pid), "its process to be gone", seconds=5)
    for job_id in (*first, last):
        assert story.outcomes(job_id) == ["succeeded"]


@pytest.mark.long
def test_a_worker_that_is_told_to_stop_interrupts_what_its_process_took(
    story: Story, worker: Process, marks: Path, gate: Path
) -> None:
    hold = ("hold", {"marks": str(marks), "until_exists": str(gate)})
    *first, held, last = story.enqueue_mixed([*names(marks, 3), hold, *names(marks, 1)])
    story.wait_for_running(held)
    worker.signal(signal.SIGTERM)
    worker.wait(seconds=30)
    eventually(lambda: story.outcomes(held) == ["interrupted"], "the interruption to be recorded", seconds=10)
    assert story.row(last)["state"] == "queued"
    gate.touch()
    following = story.start_worker("next", concurrency=1)
    assert story.wait_for_ends([*first, held, last]) == {"succeeded": 5}
    assert story.row(held)["losses"] == 0
    following.stop()


@pytest.mark.long
def test_a_process_that_will_not_stop_is_spoken_for_by_its_parent(story: Story, worker: Process, marks: Path) -> None:
    *_, stubborn = story.enqueue_mixed([*names(marks, 3), ("stubborn", {"marks": str(marks), "seconds": 30.0})])
    story.wait_for_running(stubborn)
    worker.signal(signal.SIGTERM)
    worker.wait(seconds=30)
    eventually(lambda: story.outcomes(stubborn) == ["interrupted"], "the interruption to be recorded", seconds=10)
    story.cancel(stubborn)


def test_a_killed_worker_loses_what_its_process_took_and_nothing_else(
    story: Story, worker: Process, marks: Path, gate: Path
) -> None:
    hold = ("hold", {"marks": str(marks), "until_exists": str(gate)})
    *first, held, last = story.enqueue_mixed([*names(marks, 3), hold, *names(marks, 1)])
    story.wait_for_running(held)
    worker.kill()
    gate.touch()
    following = story.start_worker("next", concurrency=1)
    assert story.wait_for_ends([*first, held, last]) == {"succeeded": 5}
    assert story.outcomes(held)[0] == "lost"
    assert all(story.outcomes(job_id) == ["succeeded"] for job_id in (*first, last))
    following.stop()


def test_a_task_with_a_time_limit_is_always_handed_out_by_the_parent(
    story: Story, worker: Process, marks: Path
) -> None:
    """Who keeps the time."""
    before = story.handed_out()
    job_ids = story.enqueue_mixed([("limited", {})] * 30)
    assert story.wait_for_ends(job_ids) == {"succeeded": 30}
    assert story.handed_out() - before == 30


@pytest.mark.long
def test_while_somebody_watches_every_task_is_handed_out_by_the_parent(
    story: Story, worker: Process, marks: Path
) -> None:
    """Flower switches a worker's events on, and they come from its parent."""
    story.call("from taskqueue_project.celery import app\napp.control.enable_events()")
    story.wait_for_beats(4)
    before = story.handed_out()
    job_ids = story.enqueue_mixed(names(marks, 50))
    assert story.wait_for_ends(job_ids) == {"succeeded": 50}
    assert story.handed_out() - before == 50


@pytest.mark.long
def test_a_paused_queue_is_not_taken_from(story: Story, worker: Process, marks: Path) -> None:
    actor = "from jobs.control import queues\nfrom jobs.domain.actors import CODE\n"
    story.call(f"{actor}queues.pause('low', actor=CODE, reason='x')")
    story.wait_for_beats(4)
    resting = story.call("answer = t.mark.apply_async((m,), {'text': 'low'}, queue='low').id", m=str(marks))
    assert story.wait_for_ends(story.enqueue_mixed(names(marks, 50))) == {"succeeded": 50}
    assert story.row(resting)["state"] == "queued"
    story.call(f"{actor}queues.resume('low', actor=CODE)")
    assert story.wait_for_end(resting)["state"] == "succeeded"


@pytest.mark.long
def test_a_message_with_a_broken_body_is_buried_and_the_turn_goes_on(
    story: Story, worker: Process, marks: Path
) -> None:
    code = """
import json
from jobs.broker import connections
queue = connections.redis.Redis.from_url(url, decode_responses=True)
job_ids = [str(i) for i in ids]
for place, text in enumerate(queue.lrange("default", 0, -1)):
    message = json.loads(text)
    if message["headers"]["id"] == broken:
        message["body"] = "!!!"
        queue.lset("default", place, json.dumps(message))
"""
    worker.signal(signal.SIGSTOP)
    job_ids = story.enqueue_mixed(names(marks, 20))
    story.call(code, url=f"{story.redis.url}/0", ids=job_ids, broken=job_ids[10])
    worker.signal(signal.SIGCONT)
    assert story.wait_for_ends(job_ids) == {"succeeded": 19, "dead": 1}
    assert [letter["reason"] for letter in story.letters(job_ids[10])] == ["undecodable"]


def test_an_account_that_may_not_take_leaves_it_to_the_parent(story: Story, worker: Process, marks: Path) -> None:
    broker = story.broker()
    broker.execute_command("ACL", "SETUSER", "default", "-rpop")
    try:
        assert story.wait_for_ends(story.enqueue_mixed(names(marks, 50))) == {"succeeded": 50}
    finally:
        broker.execute_command("ACL", "SETUSER", "default", "+rpop")
    assert len(marks_in(marks)) == 50
    worker.wait_for_output("Redis hands no messages over")
