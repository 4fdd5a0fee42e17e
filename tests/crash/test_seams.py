"""SIGKILL before and after each seam of a job's road, in whoever stands there; every job ends all the same, none is unaccounted for."""

# Shows guarantees 1, 2, 4 and 6 of docs/guarantees.md.

import http.client
import json
import urllib.request
from pathlib import Path

import pytest

from tests.crash.mortal import Mortal
from tests.support.story import marks_in
from tests.support.waiting import until

ONCE_MORE = ["lost", "succeeded"]
AT_ONCE = ["succeeded"]
# seam, when, whom it kills → outcomes of the attempts, executions of the body
WORKER = [
    ("popped", "before", "self", AT_ONCE, 1),
    pytest.param("popped", "after", "self", AT_ONCE, 1, marks=pytest.mark.long),
    ("claimed", "before", "self", AT_ONCE, 1),
    ("claimed", "after", "self", ONCE_MORE, 1),
    pytest.param("claimed", "before", "parent", AT_ONCE, 1, marks=pytest.mark.long),
    pytest.param("claimed", "after", "parent", ONCE_MORE, 1, marks=pytest.mark.long),
    pytest.param("body ran", "before", "self", ONCE_MORE, 1, marks=pytest.mark.long),
    ("body ran", "after", "self", ONCE_MORE, 2),
    ("body ran", "after", "parent", ONCE_MORE, 2),
    ("outcome journalled", "before", "self", ONCE_MORE, 2),
    ("outcome journalled", "after", "self", AT_ONCE, 1),
    pytest.param("outcome journalled", "before", "parent", ONCE_MORE, 2, marks=pytest.mark.long),
    ("outcome journalled", "after", "parent", AT_ONCE, 1),
]
KEEPER = [
    pytest.param("batch applied", "before", marks=pytest.mark.long),
    ("batch applied", "after"),
    ("entries acknowledged", "before"),
    pytest.param("entries acknowledged", "after", marks=pytest.mark.long),
]

EVERY_HALF_DAY = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
every, _ = IntervalSchedule.objects.get_or_create(every=12, period="hours")
from datetime import timedelta
from django.utils import timezone
PeriodicTask.objects.all().delete()
PeriodicTask.objects.create(
    name="slot", task="mark", interval=every, kwargs=json.dumps({"marks": marks}),
    last_run_at=timezone.now() - timedelta(hours=13),
)
"""


def name_of(case: object) -> str:
    return str(case) if isinstance(case, str) else ""


@pytest.mark.parametrize(("seam", "when", "whom", "outcomes", "executions"), WORKER, ids=name_of)
def test_a_worker_killed_at_a_seam_loses_no_job(
    mortal: Mortal, marks: Path, seam: str, when: str, whom: str, outcomes: list[str], executions: int
) -> None:
    if seam == "popped":
        mortal.wait_for_idle_parents()
    mortal.seams.arm(seam, when=when, role="worker" if seam == "popped" else "child", whom=whom)
    job_id = mortal.enqueue("mark", marks=str(marks))
    mortal.seams.wait_until_struck()
    if whom == "parent" or seam == "popped":
        mortal.wait_for_death_of("worker")
        mortal.revive()
    assert mortal.wait_for_end(job_id, seconds=90)["state"] == "succeeded"
    if (seam, when, whom) == ("claimed", "before", "self"):
        # Its parent knows that it had been given the attempt: it may be said to be lost, or be sent again.
        assert mortal.outcomes(job_id) in (ONCE_MORE, AT_ONCE)
    else:
        assert mortal.outcomes(job_id) == outcomes
    assert len(marks_in(marks)) == executions


@pytest.mark.parametrize(
    ("when", "whom"),
    [
        ("before", "self"),
        pytest.param("after", "self", marks=pytest.mark.long),
        pytest.param("before", "parent", marks=pytest.mark.long),
        ("after", "parent"),
    ],
    ids=name_of,
)
def test_a_process_killed_with_the_message_it_waited_for_loses_no_job(
    mortal: Mortal, marks: Path, when: str, whom: str
) -> None:
    """Out of its queue, and not claimed yet; or claimed, and known to nobody but the board."""
    mortal.enqueue_many("mark", [{"marks": str(marks)}] * 2)
    mortal.seams.arm("heard", when=when, role="child", whom=whom)
    jobs = mortal.jobs_with(marks)
    while not mortal.seams.is_struck() and len(jobs) < 100:
        jobs.append(mortal.enqueue("mark", marks=str(marks)))
        until(
            lambda: mortal.seams.is_struck() or mortal.states(jobs) == {"succeeded": len(jobs)}, seconds=30, what="it"
        )
    if whom == "parent":
        mortal.wait_for_death_of("worker")
        mortal.revive()
    assert mortal.wait_for_ends(jobs, seconds=90) == {"succeeded": len(jobs)}
    lost = [job_id for job_id in jobs if mortal.outcomes(job_id) == ONCE_MORE]
    assert len(lost) <= (1 if when == "after" else 0)  # where Redis has just been started, nothing comes with a claim
    assert len(marks_in(marks)) == len(jobs)


@pytest.mark.parametrize(("seam", "when"), KEEPER, ids=name_of)
def test_a_keeper_killed_while_it_records_applies_every_entry_once(
    mortal: Mortal, marks: Path, seam: str, when: str
) -> None:
    mortal.seams.arm(seam, when=when, role="keeper")
    jobs = mortal.enqueue_many("mark", [{"marks": str(marks)}] * 5)
    mortal.seams.wait_until_struck()
    mortal.wait_for_death_of("keeper")
    mortal.revive()
    assert mortal.wait_for_ends(jobs, seconds=90) == {"succeeded": 5}
    assert len(marks_in(marks)) == 5


@pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.long), "after"])
def test_a_keeper_killed_while_it_buries_opens_one_letter(mortal: Mortal, when: str) -> None:
    mortal.seams.arm("dead letter buried", when=when, role="keeper")
    [job_id] = mortal.enqueue_many("fail", [{"message": "bury me"}], max_retries=0)
    mortal.seams.wait_until_struck()
    mortal.wait_for_death_of("keeper")
    mortal.revive()
    assert mortal.wait_for_end(job_id, seconds=90)["state"] == "dead"
    assert [letter["resolution"] for letter in mortal.letters(job_id)] == ["open"]


@pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.long), "after"])
def test_a_keeper_killed_while_it_dispatches_leaves_no_job_behind(mortal: Mortal, marks: Path, when: str) -> None:
    jobs = mortal.enqueue_many("mark", [{"marks": str(marks)}] * 3, delay_seconds=2.0)
    mortal.seams.arm("due jobs queued", when=when, role="keeper")
    mortal.seams.wait_until_struck()
    mortal.wait_for_death_of("keeper")
    mortal.revive()
    assert mortal.wait_for_ends(jobs, seconds=90) == {"succeeded": 3}
    assert len(marks_in(marks)) == 3


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_keeper_killed_while_it_publishes_again_is_followed_by_one_that_does(
    mortal: Mortal, marks: Path, when: str
) -> None:
    payload = f'{{"marks": "{marks}"}}'
    mortal.submit_and_die("before", "published", "mark", "--payload", payload)
    mortal.seams.arm("stamped to be published again", when=when, role="keeper")
    mortal.seams.wait_until_struck()
    mortal.wait_for_death_of("keeper")
    mortal.revive()
    [job_id] = mortal.jobs_with(marks)
    assert mortal.wait_for_end(job_id, seconds=90)["state"] == "succeeded"
    assert len(marks_in(marks)) == 1


@pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.long), "after"])
def test_a_keeper_killed_while_it_rescues_rescues_once(mortal: Mortal, marks: Path, gate: Path, when: str) -> None:
    job_id = mortal.enqueue("hold", marks=str(marks), until_exists=str(gate))
    mortal.wait_for_running(job_id)
    mortal.seams.arm("outcome journalled", when=when, role="keeper")
    mortal.the("worker").kill()
    mortal.seams.wait_until_struck()
    mortal.wait_for_death_of("keeper")
    mortal.revive()
    gate.touch()
    assert mortal.wait_for_end(job_id, seconds=90)["state"] == "succeeded"
    assert mortal.outcomes(job_id) == ONCE_MORE


@pytest.mark.parametrize(
    ("seam", "when", "accepted"),
    [
        ("row committed", "before", 0),
        ("row committed", "after", 1),
        pytest.param("published", "before", 1, marks=pytest.mark.long),
        pytest.param("published", "after", 1, marks=pytest.mark.long),
    ],
    ids=name_of,
)
def test_a_submitter_killed_at_a_seam_leaves_a_job_that_runs_once_or_none(
    mortal: Mortal, marks: Path, seam: str, when: str, accepted: int
) -> None:
    mortal.submit_and_die(when, seam, "mark", "--payload", f'{{"marks": "{marks}"}}')
    ids = mortal.jobs_with(marks)
    assert len(ids) == accepted
    for job_id in ids:
        assert mortal.wait_for_end(job_id, seconds=90)["state"] == "succeeded"
    assert len(marks_in(marks)) == accepted


@pytest.mark.parametrize(
    ("seam", "when"),
    [
        pytest.param("claimed", "before", marks=pytest.mark.long),
        ("claimed", "after"),
        ("outcome journalled", "before"),
        pytest.param("outcome journalled", "after", marks=pytest.mark.long),
    ],
    ids=name_of,
)
def test_redis_killed_while_a_worker_stands_at_a_seam_loses_no_job(
    mortal: Mortal, marks: Path, seam: str, when: str
) -> None:
    mortal.seams.arm(seam, when=when, role="child", whom=mortal.redis_pid())
    job_id = mortal.enqueue("mark", marks=str(marks))
    mortal.seams.wait_until_struck()
    mortal.revive()
    assert mortal.wait_for_end(job_id, seconds=120)["state"] == "succeeded"
    assert mortal.outcomes(job_id) == AT_ONCE
    assert len(marks_in(marks)) == 1


@pytest.mark.parametrize("when", ["before", pytest.param("after", marks=pytest.mark.long)])
def test_a_web_server_killed_while_it_publishes_has_accepted_the_job(mortal: Mortal, marks: Path, when: str) -> None:
    web = mortal.start_web(f"web-{when}")
    mortal.seams.arm("published", when=when, role="web")
    payload = json.dumps({"task_type": "mark", "payload": {"marks": str(marks)}}).encode()
    request = urllib.request.Request(
        mortal.url("/api/tasks/submit"),
        data=payload,
        headers={"Content-Type": "application/json", "Authorization": f"Token {mortal.token()}"},
    )
    with pytest.raises((OSError, http.client.HTTPException)):
        urllib.request.urlopen(request, timeout=60)
    mortal.seams.wait_until_struck()
    web.wait(seconds=30)
    del mortal.processes[f"web-{when}"]
    [job_id] = mortal.jobs_with(marks)
    assert mortal.wait_for_end(job_id, seconds=90)["state"] == "succeeded"
    assert len(marks_in(marks)) == 1


@pytest.mark.parametrize(
    ("seam", "when"),
    [
        ("row committed", "after"),
        pytest.param("row committed", "before", marks=pytest.mark.long),
        pytest.param("published", "after", marks=pytest.mark.long),
    ],
    ids=name_of,
)
def test_a_beat_killed_at_a_seam_submits_each_slot_once(mortal: Mortal, marks: Path, seam: str, when: str) -> None:
    """An interval so long that one slot falls into the test, whoever submits it."""
    mortal.call(EVERY_HALF_DAY, marks=str(marks))
    mortal.seams.arm(seam, when=when, role="beat")
    mortal.start_beat(f"beat-{seam[0]}{when}")
    mortal.seams.wait_until_struck()
    mortal.wait_for_death_of("beat")
    mortal.revive()
    again = mortal.the("beat")
    until(lambda: mortal.jobs_with(marks), seconds=60, what="the slot to be submitted")
    if (seam, when) != ("row committed", "before"):
        again.wait_for_output("was submitted for this slot before", seconds=60)
    [job_id] = mortal.jobs_with(marks)
    assert mortal.wait_for_end(job_id, seconds=90)["state"] == "succeeded"
    name = next(name for name in mortal.processes if name.startswith("beat"))
    mortal.processes.pop(name).stop()
    assert mortal.jobs_with(marks) == [job_id]
