"""Telling a worker to be quiet, to wake up or to stop: who may, what is recorded, what is sent."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import redis

from jobs.broker import connections, heartbeats
from jobs.control import workers
from jobs.control.workers import WorkerUnknown, WorkerUnreachable
from jobs.domain.actors import Actor
from jobs.domain.errors import NotAllowed
from jobs.models import Action
from tests import factories
from tests.support.own_redis import own_redis

ANN = Actor("ann", frozenset({"jobs.pause_queue"}))
NAME = "high@box"


@pytest.fixture
def worker() -> None:
    factories.make_beat(NAME)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("tell", "verb", "command"),
    [
        (workers.hush, "quiet", "tally_quiet"),
        (workers.wake, "wake", "tally_wake"),
        (workers.shut_down, "shutdown", "shutdown"),
    ],
)
def test_what_a_worker_is_told_is_recorded_and_sent_to_it_alone(
    tell: Any, verb: str, command: str, redis_server: str
) -> None:
    with redis.Redis.from_url(redis_server) as client, client.pubsub(ignore_subscribe_messages=True) as heard:
        heard.psubscribe("*pidbox*")
        heard.get_message(timeout=5)  # the subscription itself
        tell(NAME, actor=ANN, reason="deploy")
        received = heard.get_message(timeout=5)
    assert received is not None
    said = json.loads(base64.b64decode(json.loads(received["data"])["body"]))
    assert (said["method"], said["destination"]) == (command, [NAME])
    action = Action.objects.get()
    assert (action.actor, action.verb, action.object, action.reason) == ("ann", verb, f"worker:{NAME}", "deploy")


@pytest.mark.usefixtures("worker")
def test_without_the_permission_nothing_is_told_or_recorded() -> None:
    for tell in (workers.hush, workers.wake, workers.shut_down):
        with pytest.raises(NotAllowed, match=r"jobs\.pause_queue"):
            tell(NAME, actor=Actor("eve", frozenset()))
    assert not Action.objects.exists()


def test_a_worker_that_does_not_live_is_not_told() -> None:
    with pytest.raises(WorkerUnknown, match="No worker called high@box is alive"):
        workers.hush(NAME, actor=ANN)
    assert not Action.objects.exists()


def test_without_redis_it_is_said_that_nobody_was_told(tmp_path: Path) -> None:
    with own_redis(tmp_path) as server:
        server.stop()
        with pytest.raises(WorkerUnreachable, match="Try again"):
            workers.hush(NAME, actor=ANN)


def test_beats_of_older_and_newer_workers_are_read() -> None:
    factories.make_beat(NAME)
    client = connections.patient()
    [text] = client.hvals(connections.key("beats"))
    given = json.loads(text)
    older = {name: value for name, value in given.items() if name not in ("host_ms", "is_quiet")}
    client.hset(connections.key("beats"), "older", json.dumps({**older, "incarnation": "older"}))
    client.hset(connections.key("beats"), "newer", json.dumps({**given, "incarnation": "newer", "mood": "fine"}))
    beats = heartbeats.all_of(client)
    assert set(beats) == {f"{NAME} 1", "older", "newer"}
    assert (beats["older"].host_ms, beats["older"].is_quiet) == (None, False)
