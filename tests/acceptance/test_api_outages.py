"""The API while Redis or SQL is away, while the server stops, and under a bulk of 10 000."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.support.client import Client
from tests.support.stack import Stack
from tests.support.waiting import until

TASK = {"task_type": "noop", "payload": {}}
LOCAL = {"DEBUG": "1", "TALLY_EMBEDDED": "1"}
BULK_WITHIN_SECONDS = 20.0  # five times what is promised on a quiet machine


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, migrated_database: str) -> Iterator[Stack]:
    """A stack that every test leaves as it was."""
    with Stack(tmp_path_factory.mktemp("shared"), template=migrated_database, **LOCAL) as stack:
        stack.start_web()
        yield stack


@pytest.fixture
def client(shared: Stack) -> Client:
    client = Client(shared.port)
    until(lambda: client.post("/api/tasks/submit", TASK).status == 202, seconds=30, what="the API to take a task")
    return client


@pytest.fixture
def stopping(stack: Stack) -> Client:
    """A stack of its own, for a test that stops it."""
    stack.environment |= LOCAL
    stack.start_web()
    assert Client(stack.port).post("/api/tasks/submit", TASK).status == 202  # everything is loaded
    return Client(stack.port)


def timed_submission(client: Client) -> float:
    began_at = time.monotonic()
    answer = client.post("/api/tasks/submit", TASK)
    assert answer.status == 202, answer.text
    return time.monotonic() - began_at


def test_with_redis_gone_submissions_are_taken_at_once_and_run_when_it_is_back(shared: Stack, client: Client) -> None:
    shared.redis.kill()
    assert max(timed_submission(client) for _ in range(5)) < 1
    stats = client.get("/api/workers/stats")
    assert (stats.status, stats.json()["workers_online"], stats.json()["redis"]) == (200, None, "away")
    assert stats.json()["queued_default"] >= 5
    queues = {queue["name"]: queue for queue in client.get("/api/queues").json()["results"]}
    assert queues["default"]["workers"] is None
    health = client.get("/api/workers/health")
    assert (health.status, health.json()["status"], health.json()["broker"]["status"]) == (503, "down", "away")
    assert client.get("/api/workers").status == 503
    assert client.get("/readyz").json() == {"status": "not ready", "failing": ["redis"]}
    urgent = client.post("/api/tasks/submit", {**TASK, "priority": "high"})  # another test may have left a long queue
    task_id = urgent.json()["task_id"]
    shared.redis.start()
    shared.start_keeper()
    shared.start_worker()
    shared.wait_for_state(task_id, "succeeded", seconds=60)
    shared.stop("worker")
    shared.stop("keeper")


def test_with_redis_silent_submissions_are_taken_at_once(shared: Stack, client: Client) -> None:
    process: Any = shared.redis.process
    process.send_signal(signal.SIGSTOP)
    try:
        assert max(timed_submission(client) for _ in range(4)) < 1.5
    finally:
        process.send_signal(signal.SIGCONT)


def test_with_sql_away_every_answer_is_a_503_with_a_sentence(shared: Stack, client: Client) -> None:
    with sql_away(shared):
        for answer in (
            client.post("/api/tasks/submit", TASK),
            client.post("/api/tasks/submit/bulk", {"tasks": [TASK]}),
            client.get("/api/tasks"),
            client.get("/api/workers/stats"),
            client.get("/api/audit"),
            client.get("/api/tasks", headers={"Authorization": "Token whatever"}),
            client.get("/api/tasks", headers={"Authorization": "", "Cookie": "sessionid=" + "x" * 32}),
        ):
            assert answer.status == 503
            assert "database" in answer.json()["detail"]
            assert answer.headers["Retry-After"]
        health = client.get("/api/workers/health")
        assert (health.status, health.json()["database"]["status"]) == (503, "away")
        assert "database" in client.get("/readyz").json()["failing"]
        assert client.get("/healthz").status == 200
    until(lambda: client.post("/api/tasks/submit", TASK).status == 202, seconds=30, what="SQL to be back")


@contextmanager
def sql_away(stack: Stack) -> Iterator[None]:
    if stack.database_url.startswith("sqlite"):
        path = Path(stack.database_url.removeprefix("sqlite:///"))
        moved = path.rename(path.with_suffix(".away"))
        path.mkdir()
        yield
        path.rmdir()
        moved.rename(path)
        return
    parts = urlsplit(stack.database_url)
    name = parts.path.lstrip("/")
    with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as server:
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        yield
        server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def test_ten_thousand_in_one_request_all_or_none(shared: Stack, client: Client) -> None:
    tasks: list[Any] = [{"task_type": "noop", "payload": {"i": i}} for i in range(10_000)]
    before = shared.evaluate("Job.objects.count()")
    began_at = time.monotonic()
    answer = client.post("/api/tasks/submit/bulk", {"tasks": tasks})
    took = time.monotonic() - began_at
    assert answer.status == 202
    assert took < BULK_WITHIN_SECONDS
    told = answer.json()
    assert told["accepted"] == len(set(told["task_ids"])) == 10_000
    assert shared.evaluate("Job.objects.count()") == before + 10_000
    bad = client.post("/api/tasks/submit/bulk", {"tasks": [*tasks[:9_999], {"task_type": "noop"}]})
    assert (bad.status, "Task 9999" in bad.text) == (400, True)
    assert shared.evaluate("Job.objects.count()") == before + 10_000


def test_a_request_in_flight_is_finished_when_the_server_is_told_to_stop(stack: Stack, stopping: Client) -> None:
    body = json.dumps(TASK).encode()
    head = f"POST /api/tasks/submit HTTP/1.1\r\nHost: 127.0.0.1:{stack.port}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:5])
        until(lambda: stopping.get("/healthz").status == 200, seconds=10, what="the server to have read it")
        stack.processes["web"].signal(signal.SIGTERM)
        until(lambda: not accepts(stack.port), seconds=10, what="the server to stop listening")
        assert stack.processes["web"].returncode is None
        connection.sendall(body[5:])
        answer = connection.recv(65_536).decode()
    assert answer.startswith("HTTP/1.1 202")
    assert "connection: close" in answer.lower()
    assert stack.processes["web"].wait(seconds=15) == 0
    assert stack.evaluate("Job.objects.count()") == 2


@pytest.mark.long
def test_a_request_that_never_ends_does_not_keep_the_server(stack: Stack, stopping: Client) -> None:
    with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as connection:
        connection.sendall(b"POST /api/tasks/submit HTTP/1.1\r\nContent-Length: 10\r\n\r\n{")
        stopping.get("/healthz")
        stack.processes["web"].signal(signal.SIGTERM)
        assert stack.processes["web"].wait(seconds=20) == 0


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def test_bodies_beyond_the_limit_are_refused_declared_or_in_chunks(client: Client) -> None:
    large = b'{"tasks": "' + b"x" * (18 * 1024 * 1024) + b'"}'
    headers = {"Content-Type": "application/json"}
    assert client.post("/api/tasks/submit/bulk", raw=large, headers=headers).status == 413
    assert client.post("/api/tasks/submit", raw=large[: 3 * 1024 * 1024], headers=headers).status == 413
    answers = [chunked(client, body) for body in (json.dumps(TASK).encode(), large)]
    assert [answer.split(" ", 2)[1] for answer in answers] == ["202", "413"]
    assert client.get("/healthz").status == 200


def chunked(client: Client, body: bytes) -> str:
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
        connection.sendall(
            f"POST /api/tasks/submit HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\nConnection: close\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        for begin in range(0, len(body), 60_000):
            part = body[begin : begin + 60_000]
            connection.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    return received.decode()
