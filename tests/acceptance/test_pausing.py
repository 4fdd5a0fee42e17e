"""A paused queue is left alone within one heartbeat, through restarts of workers and a wiped Redis, until it is resumed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.story import Story, eventually, marks_in

CONF = {"BEAT_SECONDS": 0.5, "DUTY_SECONDS": 0.25}
BEATS = 4  # one heartbeat, and one look at the list (1 s), which was asked for before


def pause(story: Story, name: str) -> None:
    code = (
        "from jobs.control import queues\nfrom jobs.domain.actors import CODE\nqueues.pause(n, actor=CODE, reason='x')"
    )
    story.call(code, n=name)


def resume(story: Story, name: str) -> None:
    code = "from jobs.control import queues\nfrom jobs.domain.actors import CODE\nqueues.resume(n, actor=CODE)"
    story.call(code, n=name)


@pytest.fixture
def paused(story: Story) -> Iterator[Story]:
    """`low` is paused, and every worker has had the time to leave it."""
    pause(story, "low")
    story.wait_for_beats(BEATS)
    yield story
    if story.call("answer = Queue.objects.get(name='low').paused_at is not None"):
        resume(story, "low")
        story.wait_for_beats(BEATS)


def assert_rests(story: Story, marks: Path) -> str:
    """A job in `low` waits while one in `default`, submitted after it, runs; the id of the one that waits."""
    resting = story.call("answer = t.mark.apply_async((m,), {'text': 'low'}, queue='low').id", m=str(marks))
    running = story.enqueue("mark", marks=str(marks), text="default")
    assert story.wait_for_end(running)["state"] == "succeeded"
    assert story.row(resting)["state"] == "queued"
    assert story.broker().llen("low") == 1
    assert marks_in(marks, "low") == []
    return str(resting)


def test_a_pause_is_honoured_within_one_heartbeat_and_ends_as_soon(paused: Story, marks: Path) -> None:
    resting = assert_rests(paused, marks)
    resume(paused, "low")
    assert paused.wait_for_end(resting, seconds=10)["state"] == "succeeded"
    assert len(marks_in(marks, "low")) == 1


def test_a_pause_outlives_a_wiped_redis(paused: Story, marks: Path) -> None:
    for database in (0, 1):
        paused.broker(database).flushdb()
    paused.wait_for_beats(BEATS)
    resting = assert_rests(paused, marks)
    eventually(lambda: paused.broker(1).get("tally:paused") == '["low"]', "the mirror to be written again", seconds=10)
    resume(paused, "low")
    assert paused.wait_for_end(resting, seconds=20)["state"] == "succeeded"


def test_what_ran_when_its_queue_was_paused_goes_on(story: Story, marks: Path, gate: Path) -> None:
    job_id = story.call("answer = t.hold.apply_async((m, g), queue='low').id", m=str(marks), g=str(gate))
    story.wait_for_running(job_id)
    pause(story, "low")
    story.wait_for_beats(BEATS)
    gate.touch()
    assert story.wait_for_end(job_id)["state"] == "succeeded"
    resume(story, "low")
    story.wait_for_beats(BEATS)


def test_a_worker_that_starts_during_a_pause_asks_sql(fresh: Story, marks: Path) -> None:
    """Neither Redis nor a keeper can tell it."""
    pause(fresh, "low")
    fresh.broker(1).flushdb()
    fresh.start_worker()
    fresh.start_worker("low", queues="low", concurrency=1)
    job_id = fresh.call("answer = t.mark.apply_async((m,), queue='low').id", m=str(marks))
    fresh.wait_for_beats(BEATS)
    assert fresh.broker().llen("low") == 1
    assert marks_in(marks) == []
    fresh.start_keeper()
    fresh.wait_for_beats(BEATS)
    assert marks_in(marks) == []
    resume(fresh, "low")
    assert fresh.wait_for_end(job_id, seconds=20)["state"] == "succeeded"
    fresh.stop("worker")
    alone = fresh.call("answer = t.mark.apply_async((m,), queue='low').id", m=str(marks))
    assert fresh.wait_for_end(alone, seconds=20)["state"] == "succeeded"


def test_a_purge_cancels_what_waits_each_on_record(paused: Story, marks: Path) -> None:
    code = "answer = [t.mark.apply_async((m,), queue='low').id for _ in range(20)]"
    job_ids = paused.call(code, m=str(marks))
    code = """
from jobs.control import queues
from jobs.domain.actors import CODE
answer = queues.purge("low", actor=CODE, reason="out of date")
"""
    assert paused.call(code) == 20
    assert paused.wait_for_ends(job_ids) == {"cancelled": 20}
    actions = paused.call("answer = Action.objects.filter(object__in=[f'job:{i}' for i in ids]).count()", ids=job_ids)
    assert actions == 20
    assert marks_in(marks) == []
