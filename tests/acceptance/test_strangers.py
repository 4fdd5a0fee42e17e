"""Messages that nobody here sent: run when they can be, kept and explained when they can't. The worker outlives them all."""

# Shows guarantee 6 of docs/guarantees.md.

import base64
import json
import socket
import uuid
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import DuplicateTaskNameWarning

from tests.support.story import Story, eventually, marks_in, seconds_between

# An unknown task waits 1, 2, 4, 8, 16 minutes: here as many seconds.
VARIABLES = {"TALLY_RETRY_TIME_SCALE": str(1 / 60)}


@pytest.fixture
def stock(story: Story) -> Iterator[Celery]:
    """A Celery application of somebody else, everything default."""
    app = Celery("stock", broker=f"{story.redis.url}/0", set_as_current=False)
    with warnings.catch_warnings():  # it inherits every shared task that any test of this process has made
        warnings.simplefilter("ignore", DuplicateTaskNameWarning)
        app.finalize()
    yield app
    app.close()


def wait_for_row(story: Story, job_id: str) -> dict[str, Any]:
    eventually(lambda: story.call("answer = Job.objects.filter(id=job_id).exists()", job_id=job_id), "the row")
    return story.wait_for_end(job_id)


def test_a_stock_producers_message_is_adopted_and_runs_once(story: Story, stock: Celery, marks: Path) -> None:
    sent = stock.send_task("mark", kwargs={"marks": str(marks), "text": "adopted"}, queue="default")
    row = wait_for_row(story, sent.id)
    assert (row["state"], row["result"], row["source"]) == ("succeeded", "adopted", "celery")
    assert story.outcomes(sent.id) == ["succeeded"]
    assert len(marks_in(marks)) == 1


def test_positional_arguments_of_a_stock_producer_arrive(story: Story, stock: Celery) -> None:
    sent = stock.send_task("add", args=(20, 22), queue="high")
    row = wait_for_row(story, sent.id)
    assert (row["result"], row["queue"]) == (42, "high")


def test_a_protocol_1_message_is_adopted_too(story: Story, stock: Celery) -> None:
    stock.conf.task_protocol = 1
    sent = stock.send_task("add", args=(1, 2), queue="default")
    assert wait_for_row(story, sent.id)["result"] == 3


def test_a_stock_countdown_becomes_a_scheduled_job_at_once(story: Story, stock: Celery, marks: Path) -> None:
    sent = stock.send_task("mark", kwargs={"marks": str(marks)}, queue="default", countdown=2)
    eventually(lambda: story.call("answer = Job.objects.filter(id=i).exists()", i=sent.id), "the row", seconds=1.9)
    assert story.row(sent.id)["state"] == "scheduled"
    assert marks_in(marks) == []
    assert story.wait_for_end(sent.id)["state"] == "succeeded"


def test_a_stock_message_past_its_expiry_is_on_record_as_expired(story: Story, stock: Celery, marks: Path) -> None:
    past = datetime.now(UTC) - timedelta(seconds=5)
    sent = stock.send_task("mark", kwargs={"marks": str(marks)}, queue="default", expires=past)
    assert wait_for_row(story, sent.id)["state"] == "expired"
    assert marks_in(marks) == []


def test_what_a_stock_producer_wants_to_follow_follows(story: Story, stock: Celery, marks: Path) -> None:
    stock.conf.task_default_queue = "default"
    add, total = stock.signature("add"), stock.signature("total")
    sent = (add.clone((1, 2)) | add.clone((10,)) | add.clone((100,))).apply_async(queue="default")
    assert wait_for_row(story, sent.id)["result"] == 113
    linked = stock.signature("mark", kwargs={"marks": str(marks), "text": "linked"}, immutable=True)
    first = stock.send_task("add", args=(1, 1), queue="default", link=linked)
    wait_for_row(story, first.id)
    eventually(lambda: marks_in(marks, "linked"), "the link to run")
    assert total.task == "total"


def test_a_task_only_a_newer_worker_knows_waits_for_that_worker(story: Story, stock: Celery, marks: Path) -> None:
    sent = stock.send_task("newer", kwargs={"marks": str(marks)}, queue="low")
    eventually(lambda: story.call("answer = Attempt.objects.filter(job_id=i).count()", i=sent.id), "a first attempt")
    eventually(lambda: story.outcomes(sent.id)[:1] == ["interrupted"], "the older worker to give it back", seconds=60)
    assert marks_in(marks) == []
    older = [f"worker@{socket.gethostname()}"]  # it leaves the queue, or it might take the job again and again
    assert stock.control.cancel_consumer("low", destination=older, reply=True, timeout=20)
    story.environment["TALLY_TEST_IMPORTS"] = "tests.support.newer_tasks"
    try:
        story.start_worker("newer", queues="low", concurrency=1)
    finally:
        del story.environment["TALLY_TEST_IMPORTS"]
    try:
        row = story.wait_for_end(sent.id)
        assert (row["state"], row["result"], row["failures"]) == ("succeeded", "from a newer worker", 0)
        assert len(marks_in(marks)) == 1
    finally:
        story.stop("newer")
        assert stock.control.add_consumer("low", destination=older, reply=True, timeout=20)


def test_a_task_nobody_knows_waits_longer_each_time_and_is_buried_in_the_end(story: Story, stock: Celery) -> None:
    sent = stock.send_task("nobody.knows.this", queue="high")
    eventually(lambda: story.call("answer = Attempt.objects.filter(job_id=i).count() == 2", i=sent.id), "two attempts")
    waits = [seconds_between(a["finished_at"], a["retry_at"]) for a in story.attempts(sent.id)]
    assert waits == pytest.approx([1.0, 2.0], abs=0.01)
    story.call("Job.objects.filter(id=i).update(unknowns=5)", i=sent.id)  # as if half an hour had passed
    row = story.wait_for_end(sent.id)
    assert (row["state"], row["failures"], row["unknowns"]) == ("dead", 0, 6)
    assert [letter["reason"] for letter in story.letters(sent.id)] == ["unknown_task"]
    assert "nobody.knows.this" in row["error"]


def envelope(body: Any, *, task: Any = "add") -> dict[str, Any]:
    """A message as kombu writes it, to be spoiled."""
    encoded = base64.b64encode(json.dumps(body).encode()).decode()
    id_ = str(uuid.uuid4())
    return {
        "body": encoded,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": task, "id": id_, "root_id": id_, "retries": 0},
        "properties": {
            "correlation_id": id_,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "default"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4()),
        },
    }


GOOD = [[1, 2], {}, {}]
ODD_MESSAGES: dict[str, bytes | dict[str, Any]] = {
    "not JSON": b"\xff\xfe garbage",
    "cut off": b'{"body": "W10=", "headers": {"task',
    "a number": b"17",
    "a list": b"[1, 2, 3]",
    "an empty object": b"{}",
    "no properties": {k: v for k, v in envelope(GOOD).items() if k != "properties"},
    "no headers": {k: v for k, v in envelope(GOOD).items() if k != "headers"},
    "headers that are a list": envelope(GOOD) | {"headers": [1]},
    "headers without a task": envelope(GOOD) | {"headers": {"id": "x"}},
    "a task that is a list": envelope(GOOD, task=["add"]),
    "a task that is a number": envelope(GOOD, task=5),
    "no id": envelope(GOOD) | {"headers": {"task": "add"}},
    "broken base64": envelope(GOOD) | {"body": "!!!"},
    "a body that is no JSON": envelope(GOOD) | {"body": base64.b64encode(b"{nope").decode()},
    "a body that is a number": envelope(7),
    "a body that is an object": envelope({"a": 1}),
    "a body of two": envelope([[1, 2], {}]),
    "arguments that are no list": envelope(["ab", {}, {}]),
    "keywords that are no object": envelope([[1], [2], {}]),
    "no body": {k: v for k, v in envelope(GOOD).items() if k != "body"},
    "pickle": envelope(GOOD) | {"content-type": "application/x-python-serialize", "content-encoding": "binary"},
    "an unknown content type": envelope(GOOD) | {"content-type": "application/x-nobody"},
}


def test_no_odd_message_ends_the_worker_or_is_lost(story: Story) -> None:
    worker = story.processes["worker"]
    before = story.children_of(worker)
    broker = story.broker()
    for message in ODD_MESSAGES.values():
        broker.lpush("default", message if isinstance(message, bytes) else json.dumps(message))
    dead = "answer = list(Job.objects.filter(task='unknown').values())"
    eventually(lambda: len(story.call(dead)) >= len(ODD_MESSAGES), f"{len(ODD_MESSAGES)} dead jobs")
    jobs = story.call(dead)
    assert len(jobs) == len(ODD_MESSAGES)
    assert {(job["state"], job["queue"], job["source"]) for job in jobs} == {("dead", "default", "celery")}
    assert all(job["error"] and job["payload"]["problem"] for job in jobs)
    assert {tuple(letter["reason"] for letter in story.letters(job["id"])) for job in jobs} == {("undecodable",)}
    kept = [base64.b64decode(job["options"]["raw"]) for job in jobs]
    assert b"\xff\xfe garbage" in kept
    following = story.enqueue("add", x=1, y=2)
    assert story.wait_for_end(following)["result"] == 3
    assert worker.returncode is None
    assert story.children_of(worker) == before


@pytest.mark.parametrize(
    "change",
    [
        {"content-encoding": "klingon"},
        {"properties": {**envelope(GOOD)["properties"], "delivery_info": [1]}},
        {
            "properties": {
                **envelope(GOOD)["properties"],
                "delivery_info": {"exchange": "x", "routing_key": "elsewhere"},
            }
        },
    ],
)
def test_a_message_that_is_odd_but_clear_runs_where_it_was_found(story: Story, change: dict[str, Any]) -> None:
    message = envelope(GOOD) | change
    story.broker().lpush("low", json.dumps(message))
    row = wait_for_row(story, message["headers"]["id"])
    assert (row["state"], row["result"], row["queue"]) == ("succeeded", 3, "low")


def test_a_spoiled_message_of_a_known_job_does_not_lose_the_job(story: Story, marks: Path) -> None:
    """Its headers name the attempt, which ends as undecodable: dead, with a letter, for a person to requeue."""
    gate = story.marks_file()
    blockers = [story.enqueue("hold", marks=str(marks), until_exists=str(gate)) for _ in range(2)]
    eventually(lambda: len(marks_in(marks, "began")) == 2, "both processes to be busy")
    job_id = story.enqueue("add", x=2, y=3)
    broker = story.broker()
    [text] = broker.lrange("default", 0, -1)
    spoiled = {**json.loads(text), "body": "!!!"}
    broker.lset("default", 0, json.dumps(spoiled))
    gate.touch()
    row = story.wait_for_end(job_id)
    assert story.wait_for_ends(blockers) == {"succeeded": 2}
    assert row["state"] == "dead"
    assert [letter["reason"] for letter in story.letters(job_id)] == ["undecodable"]


def test_duplicates_of_a_message_run_once_and_are_counted(story: Story, marks: Path) -> None:
    gate = story.marks_file()
    blockers = [story.enqueue("hold", marks=str(marks), until_exists=str(gate)) for _ in range(2)]
    eventually(lambda: len(marks_in(marks, "began")) == 2, "both processes to be busy")
    job_id = story.enqueue("mark", marks=str(marks), text="once")
    broker, journal = story.broker(), story.broker(1)
    counted = int(journal.hget("tally:counters", "duplicates_suppressed") or 0)
    [text] = broker.lrange("default", 0, -1)
    broker.lpush("default", *[text] * 9)
    gate.touch()
    story.wait_for_ends([job_id, *blockers])
    eventually(lambda: broker.llen("default") == 0, "the list to be empty")
    eventually(
        lambda: int(journal.hget("tally:counters", "duplicates_suppressed") or 0) == counted + 9, "nine duplicates"
    )
    assert len(marks_in(marks, "once")) == 1
    assert story.outcomes(job_id) == ["succeeded"]


def test_an_old_message_whose_job_is_not_in_sql_is_adopted(story: Story, marks: Path) -> None:
    story.broker().lpush("default", json.dumps(ours(marks, published_at=datetime.now(UTC) - timedelta(hours=1))))
    eventually(lambda: marks_in(marks), "the job to run")
    [job] = story.call("answer = list(Job.objects.filter(payload__marks=m).values())", m=str(marks))
    assert story.wait_for_end(job["id"])["source"] == "celery"
    assert len(marks_in(marks)) == 1


def ours(marks: Path, *, published_at: datetime) -> dict[str, Any]:
    """A message with our headers that no submission made."""
    message = envelope([[], {"marks": str(marks)}, {}], task="mark")
    stamp = published_at.isoformat()
    message["headers"] |= {"v": 1, "attempt": 1, "failures": 0, "max_retries": 3, "published_at": stamp}
    return message
