"""Periodic jobs: one per tick, whoever beats, and however often beat dies."""

import time
from functools import partial
from typing import Any

import pytest

from tests.support.story import Story, eventually

EVERY_SECONDS = 2


def schedule(story: Story, name: str, task: str = "noop") -> int:
    code = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
interval, _ = IntervalSchedule.objects.get_or_create(every=every, period=IntervalSchedule.SECONDS)
answer = PeriodicTask.objects.create(name=name, task=task, interval=interval).pk
"""
    return int(story.call(code, name=name, task=task, every=EVERY_SECONDS))


def ticks(story: Story) -> list[dict[str, Any]]:
    code = "answer = list(Job.objects.filter(source='beat').order_by('created_at').values())"
    return list(story.call(code))


def is_past(moment: float) -> bool:
    return time.monotonic() > moment


@pytest.mark.parametrize(
    ("seconds", "kills"),
    [(12, 1), pytest.param(60, 4, marks=[pytest.mark.long, pytest.mark.timeout(300)])],
)
def test_two_beats_send_one_job_per_tick_though_one_is_killed_again_and_again(
    fresh: Story, seconds: int, kills: int
) -> None:
    schedule(fresh, "every two seconds")
    fresh.start_beat("beat-0")
    fresh.start_beat("beat-1")
    eventually(lambda: ticks(fresh), "the first tick", seconds=60)
    began = time.monotonic()
    for number in range(kills):
        strikes_at = began + (number + 1) * seconds / (kills + 1)
        eventually(partial(is_past, strikes_at), "its hour", seconds=seconds)
        fresh.kill("beat-1")
        fresh.start_beat("beat-1")
    eventually(partial(is_past, began + seconds), "the end", seconds=seconds + 5)
    found = ticks(fresh)
    assert len(found) == pytest.approx(seconds / EVERY_SECONDS, abs=2)  # a starved beat may miss a period
    assert len(set(slots_of(found))) == len(found)


def slots_of(found: list[dict[str, Any]]) -> list[int]:
    """The periods of two seconds that the jobs stand for."""
    return sorted(int(job["idempotency_key"].rpartition(" ")[2]) for job in found)


@pytest.mark.long
def test_a_beat_that_comes_back_does_not_repeat_the_tick_before(fresh: Story) -> None:
    schedule(fresh, "every two seconds")
    fresh.start_beat()
    eventually(lambda: len(ticks(fresh)) >= 2, "two ticks", seconds=60)
    fresh.kill("beat")
    before = len(ticks(fresh))
    fresh.start_beat("next")
    eventually(lambda: len(ticks(fresh)) >= before + 2, "two more", seconds=60)
    keys = [job["idempotency_key"] for job in ticks(fresh)]
    assert len(set(keys)) == len(keys)


def test_a_tick_is_a_job_like_every_other(fresh: Story) -> None:
    fresh.start_keeper()
    fresh.start_worker(concurrency=1)
    schedule(fresh, "sum", task="noop")
    fresh.start_beat()
    eventually(lambda: ticks(fresh), "a tick", seconds=60)
    job = ticks(fresh)[0]
    row = fresh.wait_for_end(job["id"])
    assert (row["state"], row["submitted_by"], row["task"]) == ("succeeded", "beat", "noop")
