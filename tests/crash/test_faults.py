"""Redis and SQL that refuse, are silent, full, read-only or older than they were; clocks that disagree. No job is lost, none runs twice."""

# Shows guarantees 1 and 2 of docs/guarantees.md.

import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.crash.mortal import Mortal
from tests.support.story import marks_in
from tests.support.waiting import until

COUNT = 6


def enqueue(mortal: Mortal, marks: Path, **options: object) -> list[str]:
    return mortal.enqueue_many("mark", [{"marks": str(marks)}] * COUNT, **options)


def assert_each_ran_once(mortal: Mortal, jobs: list[str], marks: Path) -> None:
    assert mortal.wait_for_ends(jobs, seconds=120) == {"succeeded": len(jobs)}
    assert len(marks_in(marks)) == len(jobs)


@pytest.fixture
def server(mortal: Mortal) -> Iterator[redis.Redis]:
    """Redis as its administrator has it; nothing stays turned."""
    with mortal.broker() as client:
        yield client


def test_a_redis_that_refuses_delays_jobs_and_no_caller(mortal: Mortal, marks: Path) -> None:
    mortal.call("answer = 'awake'")  # what is measured is the submission, not the start of a process
    mortal.redis.kill()
    began = time.monotonic()
    jobs = enqueue(mortal, marks)
    took = time.monotonic() - began
    assert mortal.states(jobs) == {"queued": COUNT}
    assert took < 5
    mortal.revive()
    assert_each_ran_once(mortal, jobs, marks)


def test_a_redis_that_is_silent_delays_jobs_and_no_caller(mortal: Mortal, marks: Path) -> None:
    process = mortal.redis.process
    assert process is not None
    mortal.call("answer = 'awake'")
    process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        jobs = enqueue(mortal, marks)
        took = time.monotonic() - began
        assert mortal.states(jobs) == {"queued": COUNT}
    finally:
        process.send_signal(signal.SIGCONT)
    assert took < 5
    assert_each_ran_once(mortal, jobs, marks)


def test_a_redis_without_memory_takes_nothing_and_loses_nothing(
    mortal: Mortal, server: redis.Redis, marks: Path
) -> None:
    server.config_set("maxmemory", "1mb")
    try:
        jobs = enqueue(mortal, marks)
        assert set(mortal.states(jobs)) == {"queued"}
    finally:
        server.config_set("maxmemory", "0")
    assert_each_ran_once(mortal, jobs, marks)


def test_a_worker_holds_its_outcome_while_redis_has_no_memory(
    mortal: Mortal, server: redis.Redis, marks: Path, gate: Path
) -> None:
    job_id = mortal.enqueue("hold", marks=str(marks), until_exists=str(gate))
    mortal.wait_for_running(job_id)
    server.config_set("maxmemory", "1mb")
    try:
        gate.touch()
        until(lambda: marks_in(marks, "ended"), seconds=30, what="the body to end")
        assert mortal.state_of(job_id) == "running"
    finally:
        server.config_set("maxmemory", "0")
    assert mortal.wait_for_end(job_id)["state"] == "succeeded"
    assert mortal.outcomes(job_id) == ["succeeded"]


def test_a_redis_that_became_a_replica_is_an_outage(mortal: Mortal, server: redis.Redis, marks: Path) -> None:
    server.replicaof("127.0.0.1", "9")  # nobody listens there: it keeps what it has, read-only
    try:
        jobs = enqueue(mortal, marks)
        assert set(mortal.states(jobs)) == {"queued"}
    finally:
        server.replicaof("NO", "ONE")
    assert_each_ran_once(mortal, jobs, marks)


def test_a_redis_restored_from_an_older_state_runs_no_finished_job_again(mortal: Mortal, marks: Path) -> None:
    directory = mortal.redis.directory
    older = directory.with_name("older")
    mortal.the("worker").stop()
    jobs = enqueue(mortal, marks)
    with mortal.broker() as client:
        until(lambda: client.llen("default") == COUNT, seconds=30, what="the messages to be in Redis")
        client.bgrewriteaof()
        until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], seconds=30, what="the state on disk")
    shutil.copytree(directory / "appendonlydir", older)
    mortal.revive()
    assert_each_ran_once(mortal, jobs, marks)
    mortal.redis.kill()
    shutil.rmtree(directory / "appendonlydir")
    older.rename(directory / "appendonlydir")
    mortal.revive()
    later = enqueue(mortal, marks)
    assert mortal.wait_for_ends(later, seconds=120) == {"succeeded": COUNT}
    with mortal.broker() as client:
        until(lambda: client.llen("default") == 0, seconds=60, what="the old messages to be dropped")
    assert len(marks_in(marks)) == 2 * COUNT


def test_a_flushed_redis_gets_its_messages_again(mortal: Mortal, server: redis.Redis, marks: Path) -> None:
    mortal.the("worker").stop()
    jobs = enqueue(mortal, marks)
    server.flushall()
    mortal.revive()
    assert_each_ran_once(mortal, jobs, marks)


def test_a_redis_flushed_while_jobs_run_lets_them_end_once(
    mortal: Mortal, server: redis.Redis, marks: Path, gate: Path
) -> None:
    job_id = mortal.enqueue("hold", marks=str(marks), until_exists=str(gate))
    mortal.wait_for_running(job_id)
    server.flushall()
    later = enqueue(mortal, marks.with_name("later"))
    assert mortal.wait_for_ends(later, seconds=60) == {"succeeded": COUNT}
    gate.touch()
    assert mortal.wait_for_end(job_id)["state"] == "succeeded"
    assert mortal.outcomes(job_id) == ["succeeded"]
    assert len(marks_in(marks, "began")) == 1


def test_flushed_scripts_are_loaded_again(mortal: Mortal, server: redis.Redis, marks: Path) -> None:
    server.script_flush()
    assert_each_ran_once(mortal, enqueue(mortal, marks), marks)


def _hold_sqlite(mortal: Mortal, marks: Path, *, seconds: float) -> None:
    jobs = enqueue(mortal, marks, delay_seconds=1.0) + enqueue(mortal, marks)
    path = mortal.database_url.removeprefix("sqlite:///")
    with sqlite3.connect(path, isolation_level=None, timeout=30) as line:
        line.execute("BEGIN EXCLUSIVE")
        until_then = time.monotonic() + seconds
        until(lambda: time.monotonic() > until_then, seconds=seconds + 5, what="the outage to be over")
        line.execute("ROLLBACK")
    assert_each_ran_once(mortal, jobs, marks)


def test_jobs_under_way_outlive_a_database_that_answers_nobody(mortal: Mortal, marks: Path) -> None:
    _hold_sqlite(mortal, marks, seconds=4)


@pytest.mark.long
def test_jobs_under_way_outlive_a_database_that_is_away_for_half_a_minute(mortal: Mortal, marks: Path) -> None:
    """Longer than any connection waits: every process sees errors."""
    _hold_sqlite(mortal, marks, seconds=30)


SKEWED = [("keeper", "+60"), ("keeper", "-60"), ("worker", "+60"), ("worker", "-60")]


@pytest.mark.long
@pytest.mark.parametrize(("role", "shift"), SKEWED)
def test_a_clock_that_is_a_minute_off_makes_no_job_run_twice(
    mortal: Mortal, marks: Path, role: str, shift: str
) -> None:
    mortal.replace(role, TALLY_TEST_CLOCK_SHIFT=shift)
    try:
        assert_each_ran_once(mortal, enqueue(mortal, marks), marks)
    finally:
        mortal.replace(role)


@pytest.mark.long
@pytest.mark.parametrize(("role", "shift"), SKEWED)
def test_a_retry_is_made_once_whoevers_clock_is_a_minute_off(
    mortal: Mortal, marks: Path, role: str, shift: str
) -> None:
    """A keeper whose clock is behind makes it a minute later."""
    mortal.replace(role, TALLY_TEST_CLOCK_SHIFT=shift)
    try:
        jobs = mortal.enqueue_many("fail_late", [{"marks": str(marks), "failures": 1}])
        assert mortal.wait_for_ends(jobs, seconds=150) == {"succeeded": 1}
        assert len(marks_in(marks)) == 2
    finally:
        mortal.replace(role)
