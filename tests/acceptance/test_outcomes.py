"""What a job leaves behind: results, log lines, progress, errors – also those that are hard to keep."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.story import Story, eventually, marks_in


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("none", None),
        ("nul", "a\ufffdb"),
        ("surrogate", "a\ufffdb"),
        ("nan", ["nan", "inf"]),
        ("date", {"__type__": "datetime", "__value__": "2026-02-03T00:00:00+00:00"}),
    ],
)
def test_a_result_no_database_takes_is_kept_in_words(story: Story, kind: str, kept: object) -> None:
    job_id = story.enqueue("result_of", kind=kind)
    row = story.wait_for_end(job_id)
    assert (row["state"], row["result"]) == ("succeeded", kept)


def test_a_date_comes_back_from_the_result_as_a_date(story: Story) -> None:
    job_id = story.enqueue("result_of", kind="date")
    story.wait_for_end(job_id)
    code = "answer = repr(t.result_of.AsyncResult(job_id).get(timeout=5))"
    assert story.call(code, job_id=job_id).startswith("datetime.datetime(2026, 2, 3, 0, 0, tzinfo=")


def test_a_result_of_almost_a_mebibyte_is_kept_whole(story: Story) -> None:
    job_id = story.enqueue("result_of", kind="large", size=1_000_000)
    assert story.wait_for_end(job_id)["result"] == "x" * 1_000_000


@pytest.mark.parametrize(
    ("kind", "size", "error"),
    [
        ("large", 1_048_577, "The result has 1,048,579 bytes; at most 1,048,576 are taken."),
        ("set", 0, "Set"),
        ("object", 0, "can't be written as JSON"),
        ("deep", 0, "nested"),
    ],
)
def test_a_result_that_cannot_be_kept_is_a_visible_state_and_runs_once(
    story: Story, kind: str, size: int, error: str
) -> None:
    job_id = story.enqueue("result_of", kind=kind, size=size)
    row = story.wait_for_end(job_id)
    if kind == "set":  # kombu has no tag for sets
        error = "can't be written as JSON"
    assert row["state"] == "dead"
    assert row["error_type"] == "jobs.execution.errors.ResultNotKept"
    assert error in row["error"]
    assert story.outcomes(job_id) == ["failed"]
    assert [letter["reason"] for letter in story.letters(job_id)] == ["not_retryable"]


def test_log_lines_are_kept_with_their_attempt(story: Story) -> None:
    job_id = story.enqueue("chatty", lines=3, width=5)
    story.wait_for_end(job_id)
    [attempt] = story.attempts(job_id)
    lines = attempt["log"].splitlines()
    assert [line.partition("sample_tasks: ")[2] for line in lines] == [f"line {n} xxxxx" for n in range(3)]
    assert "INFO" in lines[0]


def test_log_lines_stop_at_64_kib_and_say_how_many_are_missing(story: Story) -> None:
    job_id = story.enqueue("chatty", lines=2_000, width=100)
    story.wait_for_end(job_id)
    [attempt] = story.attempts(job_id)
    assert 60_000 < len(attempt["log"].encode()) <= 65_536
    *kept, note = attempt["log"].splitlines()
    assert note == f"({2_000 - len(kept)} more line(s) were not kept)"


def test_progress_shows_while_the_job_runs(story: Story, marks: Path) -> None:
    gate = story.marks_file()
    job_id = story.enqueue("staged", marks=str(marks), until_exists=str(gate))
    eventually(lambda: story.row(job_id)["progress_message"] == "collecting", "the progress to show")
    assert story.row(job_id)["progress_percent"] == 40
    gate.touch()
    row = story.wait_for_end(job_id)
    assert (row["progress_percent"], row["result"]) == (100, "staged")


def test_a_job_knows_its_attempt_and_its_limits(story: Story) -> None:
    job_id = story.enqueue("describe")
    row = story.wait_for_end(job_id)
    [attempt] = story.attempts(job_id)
    assert row["result"] == {
        "id": job_id,
        "task": "describe",
        "attempt": 1,
        "max_attempts": 5,
        "is_last_attempt": False,
        "pid": attempt["pid"],
    }


def test_a_job_knows_when_its_time_is_up(story: Story) -> None:
    job_id = story.enqueue("limited")
    assert 25 < story.wait_for_end(job_id)["result"] <= 30


def test_an_exception_is_kept_with_its_causes(story: Story) -> None:
    job_id = story.enqueue("chained_causes")
    row = story.wait_for_end(job_id)
    [attempt] = story.attempts(job_id)
    assert row["error_type"] == "tests.support.sample_tasks.Flaky"
    assert attempt["causes"] == ["ConnectionError", "KeyError"]
    for text in ("KeyError: 'TALLY_MISSING'", "ConnectionError: could not ask", "direct cause", "Flaky: gave up"):
        assert text in attempt["traceback"]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("unprintable", "(its message could not be printed: ValueError)"),
        ("fail_with_bad_text", "nul \ufffd and half a pair \ufffd"),
    ],
)
def test_an_exception_without_decent_text_is_kept_too(story: Story, task: str, message: str) -> None:
    job_id = story.enqueue(task)
    row = story.wait_for_end(job_id)
    assert (row["state"], row["error"]) == ("dead", message)


def test_a_body_that_calls_sys_exit_has_failed_and_the_worker_lives(story: Story) -> None:
    before = story.children_of(story.processes["worker"])
    job_id = story.enqueue("exit_now", code=3)
    row = story.wait_for_end(job_id)
    assert (row["state"], row["error_type"], row["error"]) == ("dead", "SystemExit", "3")
    assert story.outcomes(job_id) == ["failed"]
    assert story.children_of(story.processes["worker"]) == before


def test_an_async_task_runs_to_its_end_inside_its_job(story: Story) -> None:
    job_id = story.enqueue("asynchronous", value=7)
    assert story.wait_for_end(job_id)["result"] == {"value": 7, "job": job_id}


def test_a_sensitive_payload_never_lies_in_redis_nor_in_a_log(story: Story, marks: Path) -> None:
    secret = "4111-1111-1111-1111"
    gate = story.marks_file()
    blockers = [story.enqueue("hold", marks=str(marks), until_exists=str(gate)) for _ in range(2)]
    eventually(lambda: len(marks_in(marks, "began")) == 2, "both processes to be busy")
    job_id = story.enqueue("secretive", card=secret, fail=True)
    broker = story.broker()
    [message] = broker.lrange("default", 0, -1)
    assert job_id in message
    assert secret not in message
    everything = [value for database in (0, 1) for value in contents_of(story, database)]
    assert not [value for value in everything if secret in value]
    gate.touch()
    row = story.wait_for_end(job_id)
    assert (row["state"], row["result"]) == ("succeeded", len(secret))
    assert story.outcomes(job_id) == ["failed", "succeeded"]
    assert not [name for name, process in story.processes.items() if secret in process.output()]
    assert story.wait_for_ends(blockers) == {"succeeded": 2}


def test_neither_arguments_nor_results_show_in_the_log(story: Story) -> None:
    job_id = story.enqueue("noop", word="a private word")
    assert story.wait_for_end(job_id)["result"] == {"word": "a private word"}
    story.wait_for_end(story.enqueue("fail", message="told by the exception"))
    story.processes["worker"].wait_for_output("told by the exception")
    assert not [name for name, process in story.processes.items() if "a private word" in process.output()]


def contents_of(story: Story, database: int) -> list[str]:
    """Every value of one Redis database, as text."""
    connection: Any = story.broker(database)
    read = {
        "string": connection.get,
        "list": lambda key: connection.lrange(key, 0, -1),
        "hash": connection.hgetall,
        "stream": connection.xrange,
        "set": connection.smembers,
        "zset": lambda key: connection.zrange(key, 0, -1),
    }
    return [str(read[connection.type(key)](key)) for key in connection.scan_iter()]
