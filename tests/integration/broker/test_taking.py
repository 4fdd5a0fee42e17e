"""Ending an attempt and taking the next in one exchange: what is taken, what is left, and that nothing is lost between."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.conf import settings

from jobs import conf
from jobs.broker import claims, connections, entries, journal, line, taking
from jobs.broker.taking import Taken, Wish
from jobs.domain.journal import Ended, Executor, Started
from jobs.domain.states import Event, Outcome
from tests import factories

ANN = Executor(worker="ann@host", incarnation="aaaa", pid=1, beat=3)
QUEUE = "default"


@pytest.fixture
def broker() -> redis.Redis:
    url = conf.current().JOURNAL_URL.rpartition("/")[0]
    return redis.Redis.from_url(f"{url}/{databases()[0]}", decode_responses=True)


def databases() -> tuple[int, int]:
    found = taking.databases(settings.CELERY_BROKER_URL)
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def _clean(broker: redis.Redis) -> None:
    journal.open_group(connections.patient())
    broker.delete("high", QUEUE)


def message(**headers: Any) -> str:
    told = {
        "v": 1,
        "id": str(uuid4()),
        "attempt": 1,
        "task": "noop",
        "published_at": datetime.now(UTC).isoformat(),
        "queued_at": datetime.now(UTC).isoformat(),
        "expires_at": None,
        "sealed": False,
        "timelimit": [None, None],
    }
    return json.dumps(
        {
            "headers": told | headers,
            "properties": {"body_encoding": "base64"},
            "body": "W10=",
            "content-type": "application/json",
            "content-encoding": "utf-8",
        }
    )


def wish(**changed: Any) -> Wish:
    usual: dict[str, Any] = {
        "queues": ("high", QUEUE),
        "databases": databases(),
        "tasks": ("other", "noop"),
        "by": ANN,
        "token": "t2",
        "trusted_from": datetime.now(UTC) - timedelta(minutes=1),
    }
    return Wish(**usual | changed)


def end_one(wished: Wish, *, token: str = "t1", job_id: str = "") -> tuple[bool, Any]:
    job_id = job_id or str(uuid4())
    claims.start(line.mine(), job_id=job_id, attempt=1, by=ANN, token="t1", queued_ms=5)
    body = entries.ended_body(factories.ended(factories.build_job(), outcome=Outcome.SUCCEEDED, by=ANN))
    ended = {"job_id": job_id, "attempt": 1, "incarnation": "aaaa", "outcome": Outcome.SUCCEEDED, "body": body}
    return taking.finish(line.mine(), wish=wished, token=token, note_late=True, **ended)


def told() -> list[object]:
    return [line.entry for line in journal.read(connections.patient(), reader="test", count=100, block_ms=None)]


def test_the_next_message_comes_with_its_claim_and_its_start(broker: redis.Redis) -> None:
    sent = message()
    broker.lpush(QUEUE, sent)
    recorded, taken = end_one(wish())
    next_id = json.loads(sent)["headers"]["id"]
    assert recorded
    assert isinstance(taken, Taken)
    assert (taken.text, taken.queue, taken.token) == (sent, QUEUE, "t2")
    assert broker.llen(QUEUE) == 0
    [holder] = claims.look(connections.patient(), [(next_id, 1)])
    assert holder is not None
    assert (holder.state, holder.by) == (claims.RUNNING, ANN)
    started, ended, next_started = told()
    assert isinstance(started, Started)
    assert isinstance(ended, Ended)
    assert taken.won_ms
    assert next_started == Started(next_id, 1, taken.won_ms, ANN, None)


def test_an_old_message_comes_without_a_claim_and_nothing_is_said_of_it(broker: redis.Redis) -> None:
    sent = message(published_at=(datetime.now(UTC) - timedelta(minutes=2)).isoformat())
    broker.lpush(QUEUE, sent)
    recorded, taken = end_one(wish())
    assert recorded
    assert taken == Taken(sent, QUEUE, won_ms=None, token="t2")
    assert broker.llen(QUEUE) == 0
    assert claims.look(connections.patient(), [(json.loads(sent)["headers"]["id"], 1)]) == [None]
    assert [type(entry) for entry in told()] == [Started, Ended]


def test_queues_come_in_their_order_and_each_oldest_first(broker: redis.Redis) -> None:
    sent = [message() for _ in range(3)]
    broker.lpush(QUEUE, sent[1], sent[2])
    broker.lpush("high", sent[0])
    found = [end_one(wish(token=f"t{n}"))[1].text for n in range(3)]
    assert found == sent
    assert end_one(wish()) == (True, None)


@pytest.mark.parametrize(
    "headers",
    [
        {"task": "unknown here"},
        {"v": 2},
        {"v": None},
        {"attempt": None},
        {"attempt": 0},
        {"id": None},
        {"id": 7},
        {"expires_at": datetime.now(UTC).isoformat()},
        {"expires": datetime.now(UTC).isoformat()},
        {"eta": datetime.now(UTC).isoformat()},
        {"sealed": True},
        {"timelimit": [10, None]},
        {"timelimit": [None, 5.5]},
        {"timelimit": "soon"},
        {"published_at": None},
        {"published_at": datetime.now(UTC).isoformat().replace("+00:00", "+02:00")},
        {"published_at": datetime.now(UTC).isoformat().replace("+00:00", "")},
    ],
    ids=lambda headers: str(next(iter(headers))),
)
def test_what_raises_a_question_stays_for_the_parent(broker: redis.Redis, headers: dict[str, Any]) -> None:
    sent = message(**headers)
    broker.lpush(QUEUE, sent, message())
    assert end_one(wish()) == (True, None)
    assert broker.lindex(QUEUE, -1) == sent


@pytest.mark.parametrize(
    "item",
    ["", "no json", "[]", "7", "null", '{"headers": 1}', "{}", '{"headers": {}}', "\x00\xff", '{"headers": null}'],
)
def test_what_is_no_message_stays_for_the_parent(broker: redis.Redis, item: str) -> None:
    broker.lpush(QUEUE, item)
    assert end_one(wish()) == (True, None)
    assert broker.llen(QUEUE) == 1


@pytest.mark.parametrize("missing", ["body", "properties", "content-type", "content-encoding"])
def test_a_message_without_a_part_stays_for_the_parent(broker: redis.Redis, missing: str) -> None:
    sent = json.loads(message())
    del sent[missing]
    broker.lpush(QUEUE, json.dumps(sent))
    assert end_one(wish()) == (True, None)


def test_a_long_message_stays_for_the_parent(broker: redis.Redis) -> None:
    broker.lpush(QUEUE, message(argsrepr="x" * taking.LONGEST))
    assert end_one(wish()) == (True, None)


def test_an_attempt_that_somebody_holds_stays_for_the_parent(broker: redis.Redis) -> None:
    job_id = str(uuid4())
    claims.withdraw(connections.patient(), job_id=job_id, attempt=1, event=Event.CANCELLED)
    broker.lpush(QUEUE, message(id=job_id))
    assert end_one(wish()) == (True, None)
    assert broker.llen(QUEUE) == 1


def test_who_was_ended_by_another_takes_nothing_more(broker: redis.Redis) -> None:
    """Its process is about to be killed."""
    job_id = str(uuid4())
    claims.start(line.mine(), job_id=job_id, attempt=1, by=ANN, token="t1", queued_ms=5)
    claims.finish(
        connections.patient(), job_id=job_id, attempt=1, incarnation="aaaa", outcome=Outcome.CANCELLED, body="{}"
    )
    broker.lpush(QUEUE, message())
    assert end_one(wish(), job_id=job_id) == (False, None)
    assert broker.llen(QUEUE) == 1


def test_a_redis_that_forgot_its_scripts_learns_them_in_order(broker: redis.Redis) -> None:
    connections.patient().script_flush()
    broker.lpush(QUEUE, message())
    recorded, taken = end_one(wish())
    assert recorded
    assert isinstance(taken, Taken)


def test_a_take_that_redis_refuses_has_ended_the_attempt_all_the_same(broker: redis.Redis) -> None:
    broker.set("high", "no list")
    recorded, refused = end_one(wish())
    assert recorded
    assert isinstance(refused, redis.ResponseError)
    assert len(told()) == 2
    broker.delete("high")


@pytest.mark.parametrize(
    ("broker_url", "same"),
    [
        ("redis://127.0.0.1:6379/0", (0, 1)),
        ("redis://127.0.0.1:6379", (0, 1)),
        ("redis://127.0.0.1:6379/5", (5, 1)),
        ("redis://127.0.0.1:6380/0", None),
        ("redis://other:6379/0", None),
        ("rediss://127.0.0.1:6379/0", None),
        ("redis://:secret@127.0.0.1:6379/0", None),
        ("sentinel://127.0.0.1:6379/0", None),
        ("amqp://127.0.0.1:6379/0", None),
        ("sqs://", None),
    ],
)
def test_only_one_server_can_do_both(
    monkeypatch: pytest.MonkeyPatch, broker_url: str, same: tuple[int, int] | None
) -> None:
    taking.databases.cache_clear()
    monkeypatch.setattr(conf, "current", lambda: conf.Conf(JOURNAL_URL="redis://127.0.0.1:6379/1"))
    assert taking.databases(broker_url) == same
    taking.databases.cache_clear()
