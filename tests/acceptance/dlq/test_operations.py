"""Operations over thousands of letters on real processes: canaries that fail and succeed, a keeper killed in the middle."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.story import Story
from tests.support.waiting import until

VARIABLES = {"TALLY_TEST_IMPORTS": "tests.support.dying_tasks"}
RATE, CANARY = 500.0, 5


def bury(story: Story, count: int, marks: Path, fixed: Path) -> None:
    """Dead letters of jobs that run well once the file exists; their texts tell them apart."""
    code = """
from django.utils import timezone
from jobs.lifecycle import recording
from tests import factories
from jobs.domain.states import State
for start in range(0, count, 500):
    some = [factories.build_job(State.QUEUED, task="needs", max_retries=0,
            payload={"marks": marks, "fixed": fixed, "text": f"letter-{n}"}) for n in range(start, min(start + 500, count))]
    Job.objects.bulk_create(some)
    recording.record([entry for job in some for entry in (factories.started(job), factories.buried(job))])
"""
    story.call(code, count=count, marks=str(marks), fixed=str(fixed))


def start(story: Story, **options: Any) -> str:
    code = """
from dlq import filters, operations
from dlq.models import Verb
from jobs.domain.actors import Actor
plan = operations.Plan(Verb.REQUEUE, filters.read({"task_type": "needs"}), reason="deployed a fix", **options)
answer = str(operations.start(plan, actor=Actor("olga")).id)
"""
    return str(story.call(code, options=options))


def look(story: Story, operation_id: str) -> dict[str, Any]:
    code = "from dlq.models import Operation\nanswer = Operation.objects.filter(id=operation_id).values().get()"
    return dict(story.call(code, operation_id=operation_id))


def wait_for(story: Story, operation_id: str, *states: str, seconds: float) -> dict[str, Any]:
    until(
        lambda: look(story, operation_id)["state"] in states,
        seconds=seconds,
        what=f"operation to be {states}, now {look(story, operation_id)}",
    )
    return look(story, operation_id)


def executions(marks: Path) -> Counter[str]:
    return Counter(line.split(" ")[0] for line in marks.read_text().splitlines()) if marks.exists() else Counter()


def assert_all_is_well(story: Story) -> None:
    story.call("from tests.support import invariants\ninvariants.assert_all()")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("letters", [600, pytest.param(5_000, marks=pytest.mark.long)])
def test_thousands_stop_at_a_failing_canary_and_pass_a_good_one(
    fresh: Story, marks: Path, gate: Path, letters: int
) -> None:
    bury(fresh, letters, marks, gate)
    fresh.start_keeper()
    fresh.start_worker(concurrency=2)
    stopped = wait_for(fresh, start(fresh, rate_per_second=RATE, canary=CANARY), "stopped", seconds=90)
    assert (stopped["matched"], stopped["done"], stopped["died_again"]) == (letters, CANARY, CANARY)
    assert "did not succeed" in stopped["stopped_because"]
    assert sum(executions(marks).values()) == CANARY
    gate.touch()
    began = time.monotonic()
    operation_id = start(fresh, rate_per_second=RATE, canary=CANARY)
    finished = wait_for(fresh, operation_id, "finished", "stopped", seconds=150)
    seconds = time.monotonic() - began
    assert finished["state"] == "finished", finished
    assert (finished["matched"], finished["done"], finished["skipped"], finished["failed"]) == (letters, letters, 0, 0)
    assert letters / RATE * 0.9 <= seconds <= 60, "5 000 take 10 to 20 s on a quiet machine"
    succeeded = "answer = Job.objects.filter(task='needs', state='succeeded').count()"
    until(lambda: fresh.call(succeeded) == letters, seconds=120, what="every job to succeed")
    groups = "from dlq.models import Group\nanswer = list(Group.objects.values_list('open', 'state'))"
    drained = [[0, "resolved"]] * 2  # those of before, and what the first canary died of
    until(lambda: fresh.call(groups) == drained, seconds=60, what="the drained groups to be resolved")
    assert_all_is_well(fresh)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_keeper_killed_in_the_middle_costs_nothing_and_no_job_runs_twice(
    fresh: Story, marks: Path, gate: Path
) -> None:
    count = 900
    bury(fresh, count, marks, gate)
    gate.touch()
    fresh.start_keeper("first")
    fresh.start_worker(concurrency=2)
    operation_id = start(fresh, rate_per_second=150.0, canary=2)
    until(lambda: look(fresh, operation_id)["done"] >= 300, seconds=90, what="300 letters to be requeued")
    fresh.kill("first")
    done = look(fresh, operation_id)["done"]
    assert 300 <= done < count
    fresh.start_keeper("second")
    finished = wait_for(fresh, operation_id, "finished", "stopped", seconds=120)
    assert (finished["state"], finished["done"], finished["skipped"]) == ("finished", count, 0)
    succeeded = "answer = Job.objects.filter(task='needs', state='succeeded').count()"
    until(lambda: fresh.call(succeeded) == count, seconds=120, what="every job to succeed")
    ran = executions(marks)
    assert len(ran) == count
    assert [text for text, times in ran.items() if times != 1] == []
    actions = "answer = Action.objects.filter(verb='requeue', object__startswith='job:').count()"
    assert fresh.call(actions) == count
    assert_all_is_well(fresh)
