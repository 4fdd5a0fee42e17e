"""Cancelled means: it does not run, or it stops. Whoever was faster, the rows and the marks tell the same story."""

import signal
from pathlib import Path

import pytest

from tests.support.story import Story, eventually, is_alive, marks_in

WORKERS = {"worker": {"concurrency": 4}}
RACERS = 500

RACE = """
import threading
from uuid import UUID
from jobs.control import cancelling
from jobs.domain.actors import CODE
from jobs.domain.errors import StateConflict
from jobs.intake.drafts import Draft
from jobs.shortcuts import submit_many
jobs = submit_many([Draft("mark", {"marks": m, "text": f"job-{n}"}) for n in range(count)])
answer = {}
for job in reversed(jobs):
    try:
        answer[str(job.id)] = cancelling.cancel(job.id, actor=CODE, reason="race").status
    except StateConflict:
        answer[str(job.id)] = "conflict"
"""


def test_500_jobs_cancelled_as_they_start_are_cancelled_or_run_never_both(story: Story, marks: Path) -> None:
    answers = story.call(RACE, m=str(marks), count=RACERS)
    ended = story.wait_for_ends(list(answers), seconds=90)
    assert set(ended) <= {"succeeded", "cancelled"}
    assert len(ended) == 2, f"no race: {ended}"
    rows = story.call(
        "answer = [[str(j.id), j.state, j.payload['text'], j.attempts.count()] for j in Job.objects.filter(id__in=ids)]",
        ids=list(answers),
    )
    ran = [line.split()[0] for line in marks_in(marks)]
    for job_id, state, text, attempts in rows:
        if state == "succeeded":
            assert ran.count(text) == 1
            assert answers[job_id] != "revoked"
        elif not attempts:  # cancelled before it started
            assert ran.count(text) == 0
        else:  # cancelled while it ran
            assert ran.count(text) <= 1
            assert answers[job_id] == "revoking"


def test_500_jobs_expiring_as_they_start_expire_or_run_never_both(story: Story, marks: Path) -> None:
    code = """
from datetime import timedelta
from django.utils import timezone
from jobs.intake.drafts import Draft
from jobs.shortcuts import submit_many
soon = timezone.now() + timedelta(seconds=0.3)
drafts = [
    Draft("mark", {"marks": m, "text": f"job-{n}"}, expires_at=soon + timedelta(milliseconds=n)) for n in range(count)
]
answer = [job.id for job in submit_many(list(reversed(drafts)))]
"""
    job_ids = story.call(code, m=str(marks), count=RACERS)
    ended = story.wait_for_ends(job_ids, seconds=90)
    assert set(ended) <= {"succeeded", "expired"}
    rows = story.call(
        "answer = [[j.state, j.payload['text'], j.attempts.count()] for j in Job.objects.filter(id__in=ids)]",
        ids=job_ids,
    )
    ran = [line.split()[0] for line in marks_in(marks)]
    for state, text, attempts in rows:
        assert ran.count(text) == attempts == (1 if state == "succeeded" else 0)
    assert ended.get("expired"), f"no race: {ended}"


def test_a_running_job_is_stopped_and_confirmed(story: Story, marks: Path, gate: Path) -> None:
    job_id = story.enqueue("hold", marks=str(marks), until_exists=str(gate))
    pid = story.wait_for_running(job_id)
    assert story.cancel(job_id) == "revoking"
    row = story.wait_for_end(job_id, seconds=10)
    assert (row["state"], row["cancel_reason"], row["cancel_requested_by"]) == ("cancelled", "because", "code")
    [attempt] = story.attempts(job_id)
    assert (attempt["outcome"], attempt["late_outcome"]) == ("cancelled", "")
    eventually(lambda: not is_alive(pid), "its process to be gone", seconds=5)
    assert marks_in(marks, "ended") == []
    actions = story.call("answer = list(Action.objects.filter(object=f'job:{i}').values('verb', 'reason'))", i=job_id)
    assert [(action["verb"], action["reason"]) for action in actions] == [("cancel", "because")]


def test_the_neighbours_of_a_stopped_job_are_left_in_peace(story: Story, marks: Path, gate: Path) -> None:
    job_ids = [story.enqueue("hold", marks=str(marks), until_exists=str(gate)) for _ in range(4)]
    for job_id in job_ids:
        story.wait_for_running(job_id)
    story.cancel(job_ids[1])
    assert story.wait_for_end(job_ids[1], seconds=10)["state"] == "cancelled"
    gate.touch()
    others = [job_id for job_id in job_ids if job_id != job_ids[1]]
    assert story.wait_for_ends(others) == {"succeeded": 3}
    assert all(story.outcomes(job_id) == ["succeeded"] for job_id in others)


def test_a_job_that_asks_may_stop_by_itself(fresh: Story, marks: Path) -> None:
    """Under the solo pool nobody can kill it: `check_cancelled()` is the way."""
    fresh.start_keeper()
    fresh.start_worker(pool="solo")
    job_id = fresh.enqueue("polite", marks=str(marks))
    fresh.wait_for_running(job_id)
    fresh.cancel(job_id)
    assert fresh.wait_for_end(job_id, seconds=15)["state"] == "cancelled"
    assert len(marks_in(marks, "tidied")) == 1
    assert fresh.processes["worker"].returncode is None


def test_a_scheduled_and_a_retrying_job_can_be_cancelled(story: Story, marks: Path) -> None:
    scheduled = story.enqueue("mark", marks=str(marks), delay_seconds=3600)
    retrying = story.enqueue("retry_after", marks=str(marks), seconds=36_000)
    story.wait_for_state(retrying, "retrying")
    assert [story.cancel(scheduled), story.cancel(retrying)] == ["revoked", "revoked"]
    assert story.wait_for_ends([scheduled, retrying]) == {"cancelled": 2}
    assert len(marks_in(marks)) == 1


def test_a_cancel_accepted_while_redis_is_away_holds_when_it_is_back(fresh: Story, marks: Path) -> None:
    fresh.start_keeper()
    job_id = fresh.enqueue("mark", marks=str(marks))
    eventually(lambda: fresh.broker().llen("default") == 1, "its message")
    fresh.redis.kill()
    assert fresh.cancel(job_id) == "revoking"
    assert fresh.row(job_id)["state"] == "queued"
    fresh.redis.start()
    fresh.start_worker()
    assert fresh.wait_for_end(job_id)["state"] == "cancelled"
    following = fresh.enqueue("mark", marks=str(marks), text="following")
    fresh.wait_for_end(following)
    assert marks_in(marks, "ran") == []


DIE_AFTER = {
    "the wish is committed": "_flag",
    "the claim is won": "enforce",
}


@pytest.mark.long
def test_whoever_dies_in_the_middle_of_a_cancel_has_cancelled(fresh: Story, marks: Path) -> None:
    """Each half in a process of its own that is killed right after it."""
    job_ids = [fresh.enqueue("mark", marks=str(marks)) for _ in DIE_AFTER]
    for name, job_id in zip(DIE_AFTER.values(), job_ids, strict=True):
        code = f"""
import os, signal, django
django.setup()
from uuid import UUID
from jobs.control import cancelling
from jobs.domain.actors import CODE
half = cancelling.{name}
def die_after(*args, **kwargs):
    half(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
cancelling.{name} = die_after
cancelling.cancel(UUID({job_id!r}), actor=CODE)
"""
        killed = fresh.start(name, "-c", code)
        assert killed.wait(seconds=60) == -signal.SIGKILL, killed.tail()
        assert fresh.row(job_id)["state"] == "queued"
    fresh.start_keeper()
    fresh.start_worker()
    assert fresh.wait_for_ends(job_ids) == {"cancelled": 2}
    following = fresh.enqueue("mark", marks=str(marks), text="following")
    fresh.wait_for_end(following)
    assert marks_in(marks, "ran") == []
