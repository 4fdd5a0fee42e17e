"""A backlog older than what is trusted: each message is held against SQL first, and still taken without the parent."""

# Shows guarantees 1 and 2 of docs/guarantees.md.

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import Process
from tests.support.story import Story, marks_in

# Beats come often: one that fell between a message and the look at SQL would journal a start.
CONF = {"BEAT_SECONDS": 0.05, "MESSAGE_TRUSTED_SECONDS": 0.0}
VARIABLES = {"TALLY_RETRY_TIME_SCALE": "0.01"}
WORKERS: dict[str, dict[str, object]] = {}

SENT_AGAIN = """
from jobs.broker import publisher
from jobs.models import Job
from jobs.shortcuts import submit_many
from jobs.intake.drafts import Draft
answer = []
for place, job in enumerate(Job.objects.filter(id__in=ids)):
    publisher.publish([job])
    if place >= len(ids) / 2:
        answer += [new.id for new in submit_many([Draft("mark", {"marks": marks, "text": "new"})])]
publisher.settle_all()
"""


@pytest.fixture
def worker(story: Story, marks: Path) -> Iterator[Process]:
    worker = story.start_worker(concurrency=1)
    for task, payload in (("mark", {"marks": str(marks)}), ("die", {"marks": str(marks), "times": 0})):
        story.wait_for_end(story.enqueue(task, **payload))
    marks.write_text("")
    yield worker
    worker.kill_group()


def test_an_old_backlog_is_taken_by_the_process_itself_each_job_once(
    story: Story, worker: Process, marks: Path
) -> None:
    before = story.handed_out()
    job_ids = story.enqueue_many("mark", [{"marks": str(marks), "text": f"job-{n}"} for n in range(200)])
    assert story.wait_for_ends(job_ids) == {"succeeded": 200}
    assert sorted(line.split()[0] for line in marks_in(marks)) == sorted(f"job-{n}" for n in range(200))
    assert story.handed_out() - before < 150


def test_old_messages_of_finished_jobs_run_nothing_and_start_nothing(
    story: Story, worker: Process, marks: Path, gate: Path
) -> None:
    """Whether the parent hands them out or the process takes them after a job of its own."""
    job_ids = story.enqueue_many("mark", [{"marks": str(marks), "text": f"job-{n}"} for n in range(60)])
    story.wait_for_ends(job_ids)
    held = story.enqueue("hold", marks=str(story.marks_file()), until_exists=str(gate))
    story.wait_for_running(held)
    new_ids = list(story.call(SENT_AGAIN, ids=job_ids, marks=str(marks)))
    gate.touch()
    assert story.wait_for_ends(new_ids) == {"succeeded": 30}
    assert (len(marks_in(marks, "job-")), len(marks_in(marks, "new"))) == (60, 30)
    rows = story.call("answer = list(Attempt.objects.filter(job_id__in=ids).values())", ids=job_ids + new_ids)
    assert {(row["number"], row["outcome"]) for row in rows} == {(1, "succeeded")}
    assert len(rows) == 90


def test_an_old_job_that_kills_the_process_that_took_it_is_lost_and_runs_again(
    story: Story, worker: Process, marks: Path
) -> None:
    wanted: list[tuple[str, dict[str, Any]]] = [
        ("mark", {"marks": str(marks), "text": "before"}),
        ("die", {"marks": str(marks), "times": 1}),
    ]
    wanted += [("mark", {"marks": str(marks), "text": f"after-{n}"}) for n in range(20)]
    job_ids = story.enqueue_mixed(wanted)
    assert story.wait_for_ends(job_ids) == {"succeeded": 22}
    assert story.outcomes(job_ids[1]) == ["lost", "succeeded"]
