"""Ending an attempt and taking the next in one exchange: what is taken, what is left, and that nothing is lost between."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis

from jobs import conf
from jobs.broker import claims, connections, entries, line, taking
from jobs.broker.taking import Nothing, Taken, Wish
from jobs.domain.journal import Ended, Started
from jobs.domain.states import Event, Outcome
from tests import factories
from tests.support.takers import ANN, QUESTIONABLE, QUEUE, broker, message, told, wish

__all__ = ["broker"]


def end_one(wished: Wish, *, token: str = "t1", job_id: str = "") -> tuple[bool, Any]:
    job_id = job_id or str(uuid4())
    claims.start(line.mine(), job_id=job_id, attempt=1, by=ANN, token="t1", queued_ms=5)
    body = entries.ended_body(factories.ended(factories.build_job(), outcome=Outcome.SUCCEEDED, by=ANN))
    ended = {"job_id": job_id, "attempt": 1, "incarnation": "aaaa", "outcome": Outcome.SUCCEEDED, "body": body}
    return taking.finish(line.mine(), wish=wished, token=token, note_late=True, **ended)


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
    assert end_one(wish()) == (True, Nothing.THERE)


@QUESTIONABLE
def test_what_raises_a_question_stays_for_the_parent(broker: redis.Redis, headers: dict[str, Any]) -> None:
    sent = message(**headers)
    broker.lpush(QUEUE, sent, message())
    assert end_one(wish()) == (True, Nothing.FOR_ME)
    assert broker.lindex(QUEUE, -1) == sent


@pytest.mark.parametrize(
    "item",
    ["", "no json", "[]", "7", "null", '{"headers": 1}', "{}", '{"headers": {}}', "\x00\xff", '{"headers": null}'],
)
def test_what_is_no_message_stays_for_the_parent(broker: redis.Redis, item: str) -> None:
    broker.lpush(QUEUE, item)
    assert end_one(wish()) == (True, Nothing.FOR_ME)
    assert broker.llen(QUEUE) == 1


def test_a_message_that_may_be_no_text_stays_for_the_parent(broker: redis.Redis) -> None:
    """Its answer could not be read, and it would be nobody's."""
    item = message(argsrepr="?").encode().replace(b'"?"', b'"\xff"')
    broker.lpush(QUEUE, item)
    assert end_one(wish()) == (True, Nothing.FOR_ME)
    assert broker.llen(QUEUE) == 1


@pytest.mark.parametrize("missing", ["body", "properties", "content-type", "content-encoding"])
def test_a_message_without_a_part_stays_for_the_parent(broker: redis.Redis, missing: str) -> None:
    sent = json.loads(message())
    del sent[missing]
    broker.lpush(QUEUE, json.dumps(sent))
    assert end_one(wish()) == (True, Nothing.FOR_ME)


def test_a_long_message_stays_for_the_parent(broker: redis.Redis) -> None:
    broker.lpush(QUEUE, message(argsrepr="x" * taking.LONGEST))
    assert end_one(wish()) == (True, Nothing.FOR_ME)


def test_an_attempt_that_somebody_holds_stays_for_the_parent(broker: redis.Redis) -> None:
    job_id = str(uuid4())
    claims.withdraw(connections.patient(), job_id=job_id, attempt=1, event=Event.CANCELLED)
    broker.lpush(QUEUE, message(id=job_id))
    assert end_one(wish()) == (True, Nothing.FOR_ME)
    assert broker.llen(QUEUE) == 1


def test_who_was_ended_by_another_takes_nothing_more(broker: redis.Redis) -> None:
    """Its process is about to be killed."""
    job_id = str(uuid4())
    claims.start(line.mine(), job_id=job_id, attempt=1, by=ANN, token="t1", queued_ms=5)
    claims.finish(
        connections.patient(), job_id=job_id, attempt=1, incarnation="aaaa", outcome=Outcome.CANCELLED, body="{}"
    )
    broker.lpush(QUEUE, message())
    assert end_one(wish(), job_id=job_id) == (False, Nothing.FOR_ME)
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
