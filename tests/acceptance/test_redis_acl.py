"""deploy/redis/users.acl lets Tally do all it does, and nothing else; what an account may not do is never asked for."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from tests.support.client import Client, WebSocket
from tests.support.process import ROOT
from tests.support.stack import Stack
from tests.support.waiting import until

ACL = ROOT / "deploy" / "redis" / "users.acl"
PASSWORD = "change-me"
TOKEN = """
from django.contrib.auth.models import User
from jobs.control import tokens
from jobs.domain.actors import CODE
print(tokens.issue(User.objects.create_superuser("ada"), actor=CODE).secret)
"""
# Remote control and events, which Celery's own tools live on.
AS_FLOWER = """
from celery import current_app
assert len(current_app.control.ping(timeout=20, limit=1)) == 1
current_app.control.enable_events()
events = []
with current_app.connection() as connection:
    receiver = current_app.events.Receiver(connection, handlers={"*": events.append})
    for _ in receiver.itercapture(limit=None, timeout=30, wakeup=False):
        if events:
            break
print(len(events))
"""
OF_NO_USE = [
    ("FLUSHALL",),
    ("KEYS", "*"),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("ACL", "LIST"),
    ("SHUTDOWN", "NOSAVE"),
    ("REPLICAOF", "127.0.0.1", "1"),
    ("GET", "somebody-elses"),
    ("PUBLISH", "somebody-elses", "x"),
]


@pytest.fixture
def administrator(stack: Stack) -> Iterator[redis.Redis]:
    """Of a Redis whose users are those of the file; the stack is one of them from now on."""
    with redis.Redis.from_url(stack.redis.url, decode_responses=True) as administrator:
        [rules] = [line.split() for line in ACL.read_text().splitlines() if line.startswith("user tally ")]
        administrator.execute_command("ACL", "SETUSER", *rules[1:])
        administrator.acl_log_reset()
        stack.environment["REDIS_URL"] = f"redis://tally:{PASSWORD}@127.0.0.1:{urlsplit(stack.redis.url).port}"
        yield administrator


def test_the_account_of_the_file_is_enough_and_not_more(stack: Stack, administrator: redis.Redis) -> None:
    for start in (stack.start_keeper, stack.start_worker, stack.start_web, stack.start_beat):
        start()
    token = stack.run_python(TOKEN).strip()
    client = Client(stack.port).with_token(token)
    until(lambda: client.get("/api/workers/health").json()["status"] == "ok", seconds=60, what="the system to be well")
    ids = [submit(client, "noop", {}), submit(client, "always_fails", {"message": "m"})]
    late = submit(client, "noop", {}, delay_seconds=3_600)
    assert client.delete(f"/api/tasks/{late}/cancel").status == 200
    for verb in ("pause", "resume"):
        assert client.post(f"/api/queues/low/{verb}", {"reason": "r"}).status == 200
    with WebSocket(stack.port, headers={"Authorization": f"Token {token}"}) as live:
        assert live.receive() is not None
        assert live.receive() is not None  # the first is the server's own, the second came through Redis
    assert int(stack.run_python(AS_FLOWER)) > 0
    stack.wait_for_state(ids[0], "succeeded")
    stack.wait_for_state(ids[1], "dead", seconds=60)
    for _ in range(6):  # so that processes of the pool wait for the next
        stack.wait_for_state(submit(client, "noop", {}), "succeeded")
    stack.manage("verify")
    refused: list[Any] = administrator.acl_log()
    assert refused == []
    assert_nothing_else_is_allowed(stack.environment["REDIS_URL"])


def submit(client: Client, task: str, payload: dict[str, str], **options: int) -> str:
    answer = client.post("/api/tasks/submit", {"task_type": task, "payload": payload, **options})
    assert answer.status == 202, answer.text
    return str(answer.json()["task_id"])


def assert_nothing_else_is_allowed(url: str) -> None:
    with redis.Redis.from_url(url) as ours:
        for command in OF_NO_USE:
            with pytest.raises(redis.exceptions.NoPermissionError):
                ours.execute_command(*command)
