"""From a worker's failure to a decision: groups, a requeue before and after the fix, on real processes."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.story import Story
from tests.support.waiting import until

VARIABLES = {"TALLY_TEST_IMPORTS": "tests.support.dying_tasks"}
KINDS = ("slow", "odd", "refused")


def groups(story: Story) -> list[dict[str, Any]]:
    code = """
from dlq.models import Group
answer = list(Group.objects.filter(tasks=["ask"]).order_by("title").values("title", "open", "total", "error_type"))
"""
    return list(story.call(code))


@pytest.mark.parametrize("times", [100, pytest.param(500, marks=pytest.mark.long)])
def test_three_kinds_many_times_each_are_three_groups_and_another_cause_a_fourth(fresh: Story, times: int) -> None:
    fresh.start_keeper()
    fresh.start_worker()
    payloads = [{"kind": kind, "number": number} for number in range(times) for kind in KINDS]
    ids = fresh.enqueue_many("ask", payloads)
    assert fresh.wait_for_ends(ids, seconds=150) == {"dead": 3 * times}
    found = groups(fresh)
    assert [group["total"] for group in found] == [times, times, times], found
    assert [group["title"] for group in found] == [
        "Refused: order <n> (<uuid>) was refused",
        "TimeoutError: no answer from <n> within <n> s",
        "ValueError: row <n> of <path> is not <text>",
    ]
    other = fresh.enqueue("ask", kind="refused because", number=7)
    fresh.wait_for_end(other)
    assert sorted(group["total"] for group in groups(fresh)) == [1, times, times, times]


def test_a_requeue_before_the_fix_dies_again_and_one_after_it_succeeds(story: Story, marks: Path, gate: Path) -> None:
    job_id = story.enqueue("needs", marks=str(marks), fixed=str(gate), text="one")
    story.wait_for_end(job_id)
    requeue = """
from dlq import requeue
from dlq.models import DeadLetter
from jobs.domain.actors import Actor
letter = DeadLetter.objects.get(job_id=job_id, resolution="open")
requeue.requeue(letter.id, actor=Actor("olga"), reason=reason)
"""
    story.call(requeue, job_id=job_id, reason="perhaps it helps")
    story.wait_for_state(job_id, "dead", seconds=60)
    wait_for_attempts(story, job_id, 2)
    first, second = story.letters(job_id)
    assert (first["resolution"], second["resolution"]) == ("requeued", "open")
    group = "from dlq.models import Group\nanswer = Group.objects.filter(tasks=['needs']).values('open', 'died_again').get()"
    assert story.call(group) == {"open": 1, "died_again": 1}
    gate.touch()
    story.call(requeue, job_id=job_id, reason="fixed")
    story.wait_for_state(job_id, "succeeded", seconds=60)
    assert [letter["resolution"] for letter in story.letters(job_id)] == ["requeued", "requeued"]
    assert story.call(group) == {"open": 0, "died_again": 1}
    assert story.outcomes(job_id) == ["failed", "failed", "succeeded"]


def wait_for_attempts(story: Story, job_id: str, count: int) -> None:
    until(lambda: len(story.letters(job_id)) == count, seconds=60, what=f"{count} letters of {job_id}")
