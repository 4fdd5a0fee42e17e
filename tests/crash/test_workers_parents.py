"""Whole workers die, Redis restarts, the keeper is away: no job is lost, none that ended runs again."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.story import Story, eventually, is_alive, kill, marks_in

RUNS_AGAIN_WITHIN_SECONDS = 15.0
CONF = {
    "BEAT_SECONDS": 0.5,
    "RESCUE_AFTER_SECONDS": 2.0,
    "REPUBLISH_GRACE_SECONDS": 1.0,
    "MESSAGE_TRUSTED_SECONDS": 2.0,
    "LEADER_LEASE_SECONDS": 1.0,
    "DUTY_SECONDS": 0.25,
}
WORKERS: dict[str, dict[str, object]] = {}


@pytest.fixture
def quick(story: Story) -> Iterator[Story]:
    """Every silence is short, so that a quarter of a minute is a long absence. A keeper runs; the test starts workers."""
    if story.processes["keeper"].returncode is not None:
        story.start_keeper()
    yield story
    for name, process in story.processes.items():
        if name != "keeper":
            process.kill_group()


def test_the_job_of_a_killed_worker_runs_again_within_fifteen_seconds(fresh: Story, marks: Path, gate: Path) -> None:
    fresh.environment["TALLY_TEST_TASKQUEUE"] = "{}"
    job_id = fresh.enqueue("hold", marks=str(marks), until_exists=str(gate))
    fresh.start_keeper()
    fresh.start_worker("first")
    pid = fresh.wait_for_running(job_id)
    assert fresh.attempts(job_id)[0]["beat"] >= 1  # the first beat comes before the first message
    fresh.start_worker("second")
    killed_at = time.monotonic()
    fresh.kill("first")
    eventually(lambda: len(marks_in(marks, "began")) == 2, "the job to run again", seconds=40)
    assert time.monotonic() - killed_at < RUNS_AGAIN_WITHIN_SECONDS
    assert not is_alive(pid)
    gate.touch()
    row = fresh.wait_for_end(job_id)
    assert (row["state"], row["losses"], row["failures"]) == ("succeeded", 1, 0)
    assert fresh.outcomes(job_id) == ["lost", "succeeded"]
    assert len(marks_in(marks, "ended")) == 1


def test_a_stopped_worker_that_comes_back_cannot_end_its_rescued_job(quick: Story, marks: Path, gate: Path) -> None:
    first = quick.start_worker("first", concurrency=1)
    job_id = quick.enqueue("hold", marks=str(marks), until_exists=str(gate))
    pid = quick.wait_for_running(job_id)
    for process in (first.pid, pid):
        kill(process, signal.SIGSTOP)
    quick.start_worker("second", concurrency=1)
    quick.wait_for_running(job_id, attempt=2)
    gate.touch()
    for process in (pid, first.pid):
        kill(process, signal.SIGCONT)
    assert quick.wait_for_end(job_id)["state"] == "succeeded"
    eventually(lambda: quick.attempts(job_id)[0]["late_outcome"] == "succeeded", "the late outcome to be shown")
    assert quick.outcomes(job_id) == ["lost", "succeeded"]


@pytest.mark.long
def test_a_success_journalled_before_its_worker_dies_is_never_run_again(quick: Story, marks: Path) -> None:
    quick.kill("keeper")
    quick.start_worker("first")
    job_ids = quick.enqueue_many("mark", [{"marks": str(marks), "text": f"job-{n}"} for n in range(20)])
    eventually(lambda: len(marks_in(marks, "job-")) == 20, "the jobs to run")
    eventually(lambda: journalled_ends(quick) == 20, "their ends to be journalled")
    quick.kill("first")
    quick.start_worker("second")
    quick.wait_for_beats(8)  # a long time without a keeper: twice what a rescue takes
    quick.start_keeper()
    assert quick.wait_for_ends(job_ids) == {"succeeded": 20}
    quick.wait_for_beats(8)
    assert len(marks_in(marks, "job-")) == 20
    assert attempts_of(quick, job_ids) == 20


def attempts_of(story: Story, job_ids: list[str]) -> int:
    return int(story.call("answer = Attempt.objects.filter(job_id__in=ids).count()", ids=job_ids))


def journalled_ends(story: Story) -> int:
    entries = story.broker(1).xrange("tally:journal") or []
    return sum(1 for _id, fields in entries if fields and fields["k"] == "ended")


def test_a_restart_of_redis_makes_no_running_job_lost(quick: Story, marks: Path, gate: Path) -> None:
    quick.start_worker(concurrency=2)
    running = [quick.enqueue("hold", marks=str(marks), until_exists=str(gate)) for _ in range(2)]
    for job_id in running:
        quick.wait_for_running(job_id)
    waiting = quick.enqueue_many("mark", [{"marks": str(marks), "text": f"job-{n}"} for n in range(20)])
    until_saved(quick)
    for _ in range(2):
        quick.redis.kill()
        quick.redis.start()
        quick.wait_for_beats(8)  # twice what a rescue takes
    gate.touch()
    assert quick.wait_for_ends([*running, *waiting]) == {"succeeded": 22}
    assert [quick.outcomes(job_id) for job_id in running] == [["succeeded"], ["succeeded"]]
    assert len(marks_in(marks, "began")) == 2
    assert len(marks_in(marks, "job-")) == 20


def until_saved(story: Story) -> None:
    """The append-only file is on disk: what a crash of the machine, not of the process, would spare."""
    connection = story.broker()
    connection.execute_command("WAITAOF", 1, 0, 5_000)


@pytest.mark.long
def test_a_keeper_away_for_long_makes_nothing_run_twice(quick: Story, marks: Path) -> None:
    """The scale: a rescue takes 2 s, a message is trusted for 2 s, a grace is 1 s; the keeper is away for 15 s."""
    quick.start_worker(concurrency=2)
    payloads = [{"marks": str(marks), "text": f"job-{n}", "seconds": 0.2} for n in range(60)]
    job_ids = quick.enqueue_many("mark", payloads)
    eventually(lambda: len(marks_in(marks, "job-")) >= 5, "the first jobs to run")
    quick.kill("keeper")
    eventually(lambda: len(marks_in(marks, "job-")) == 60, "every job to run without a keeper", seconds=60)
    quick.wait_for_beats(8)
    quick.start_keeper()
    assert quick.wait_for_ends(job_ids) == {"succeeded": 60}
    quick.wait_for_beats(8)
    assert len(marks_in(marks, "job-")) == 60
    assert attempts_of(quick, job_ids) == 60


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seconds", [12, 60])
def test_keepers_killed_every_five_seconds_leave_every_row_right(fresh: Story, marks: Path, seconds: int) -> None:
    fresh.environment["TALLY_TEST_TASKQUEUE"] = "{}"
    fresh.start_worker(concurrency=2)
    for name in ("keeper-0", "keeper-1"):
        fresh.start_keeper(name)
    ends_at, number, batches = time.monotonic() + seconds, 0, 0
    expected: dict[str, str] = {}
    while time.monotonic() < ends_at:
        strikes_at = time.monotonic() + 5
        while time.monotonic() < strikes_at:
            expected |= submit_mix(fresh, marks, batches)
            batches += 1
            eventually(lambda: fresh.broker().llen("default") < 100, "the workers to keep up")
        name = f"keeper-{number % 2}"
        fresh.kill(name)
        fresh.start_keeper(name)
        number += 1
    fresh.wait_for_ends(list(expected), seconds=90)
    assert_accounted(fresh, marks, expected)
    assert number >= 2


def submit_mix(story: Story, marks: Path, batch: int) -> dict[str, str]:
    """Jobs that succeed, recover and die; how each must end."""
    ok = story.enqueue_many("mark", [{"marks": str(marks), "text": f"job-{batch}-{n}"} for n in range(20)])
    recovering = story.enqueue_many("fail_late", [{"marks": str(marks), "failures": 1}] * 3)
    dying = story.enqueue_many("choosy", [{"kind": "other"}] * 3)
    return dict.fromkeys(ok + recovering, "succeeded") | dict.fromkeys(dying, "dead")


def assert_accounted(story: Story, marks: Path, expected: dict[str, str]) -> None:
    """Rows, letters, marks and statistics tell one story."""
    states = dict(story.call("answer = [[str(j), s] for j, s in Job.objects.values_list('id', 'state')]"))
    assert states == expected
    letters = story.call(
        "from dlq.models import DeadLetter\nanswer = [str(j) for j in DeadLetter.objects.values_list('job_id', flat=True)]"
    )
    assert sorted(letters) == sorted(job_id for job_id, state in expected.items() if state == "dead")
    ran = [line.split()[0] for line in marks_in(marks, "job-")]
    assert len(ran) == len(set(ran))
    code = """
from collections import Counter
from jobs.models.rollup import ALL_TIME
answer = Counter()
for counts in Rollup.objects.filter(minute=ALL_TIME).values_list("counts", flat=True):
    answer.update(counts)
"""
    counts = story.call(code)
    assert counts["succeeded"] == sum(state == "succeeded" for state in expected.values())
    assert counts["dead"] == len(letters)
    numbers = story.call("answer = list(Attempt.objects.values_list('number', 'outcome'))")
    assert all(outcome in {"succeeded", "failed"} for _number, outcome in numbers)
