"""A message that a process waited for: taken with its claim, or in its place again as if nobody had touched it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import redis

from jobs.broker import line, taking
from jobs.broker.ear import Ear, Popped
from jobs.broker.taking import Nothing, Taken
from jobs.domain.journal import Started
from tests.support.takers import ANN, QUESTIONABLE, QUEUE, broker, databases, message, told, wish
from tests.support.waiting import until

__all__ = ["broker"]


@pytest.fixture
def ear() -> Iterator[Ear]:
    with closing(Ear(databases()[0])) as ear:
        yield ear


def hear(ear: Ear) -> Popped:
    popped = ear.pop(wish().queues, seconds=5)
    assert popped is not None
    return popped


def test_who_waits_hears_the_most_urgent_first_and_nothing_when_nothing_comes(broker: redis.Redis, ear: Ear) -> None:
    broker.lpush(QUEUE, "one", "two")
    broker.lpush("high", b"\xff")
    assert hear(ear) == Popped(b"high", b"\xff")
    assert hear(ear) == Popped(QUEUE.encode(), b"one")
    assert hear(ear) == Popped(QUEUE.encode(), b"two")
    assert ear.pop(wish().queues, seconds=0) is None


def test_an_ear_that_redis_hung_up_on_knows(broker: redis.Redis, ear: Ear) -> None:
    assert ear.pop([QUEUE], seconds=0) is None
    assert not ear.is_closed()
    [client] = [client for client in broker.client_list() if client["cmd"] == "brpop"]
    broker.client_kill_filter(_id=client["id"])
    until(ear.is_closed, seconds=5, what="the connection to end")


def test_what_was_waited_for_is_taken_with_its_claim(broker: redis.Redis, ear: Ear) -> None:
    sent, later = message(), message()
    broker.lpush(QUEUE, sent, later)
    taken = taking.take(line.mine(), hear(ear), wish=wish())
    assert isinstance(taken, Taken)
    assert (taken.text, taken.queue, taken.token) == (sent, QUEUE, "t2")
    assert broker.lrange(QUEUE, 0, -1) == [later]
    assert taken.won_ms
    assert told() == [Started(json.loads(sent)["headers"]["id"], 1, taken.won_ms, ANN, None)]


def test_what_became_more_urgent_is_taken_instead(broker: redis.Redis, ear: Ear) -> None:
    sent, urgent = message(), message()
    broker.lpush(QUEUE, sent)
    popped = hear(ear)
    broker.lpush("high", urgent)
    taken = taking.take(line.mine(), popped, wish=wish())
    assert isinstance(taken, Taken)
    assert taken.text == urgent
    assert broker.lrange(QUEUE, 0, -1) == [sent]


@QUESTIONABLE
def test_what_was_waited_for_and_raises_a_question_is_in_its_place_again(
    broker: redis.Redis, ear: Ear, headers: dict[str, Any]
) -> None:
    sent, later = message(**headers), message()
    broker.lpush(QUEUE, sent, later)
    assert taking.take(line.mine(), hear(ear), wish=wish()) is Nothing.FOR_ME
    assert broker.lrange(QUEUE, 0, -1) == [later, sent]
    assert told() == []


@pytest.mark.parametrize("item", [b"", b"no json", b"\x00\xff", b"[]", b"7"])
def test_what_was_waited_for_and_is_no_message_is_in_its_place_again(
    broker: redis.Redis, ear: Ear, item: bytes
) -> None:
    broker.lpush(QUEUE, item)
    assert taking.take(line.mine(), hear(ear), wish=wish()) is Nothing.FOR_ME
    assert ear.pop([QUEUE], seconds=1) == Popped(QUEUE.encode(), item)


def test_who_was_told_to_stop_puts_back_what_it_heard(broker: redis.Redis, ear: Ear) -> None:
    """Its queues may be paused by now, and it may be asked for none at all."""
    sent = message()
    broker.lpush(QUEUE, sent)
    assert taking.take(line.mine(), hear(ear), wish=wish(tasks=())) is Nothing.FOR_ME
    assert broker.lrange(QUEUE, 0, -1) == [sent]


def test_what_is_put_back_wakes_who_waits_for_it(broker: redis.Redis, ear: Ear) -> None:
    """Such as the parent."""
    broker.lpush(QUEUE, message(sealed=True))
    popped = hear(ear)
    with ThreadPoolExecutor() as parent:
        heard = parent.submit(ear.pop, [QUEUE], seconds=10)
        until(lambda: broker.info("clients")["blocked_clients"] >= 1, seconds=10, what="the parent to wait")
        assert taking.take(line.mine(), popped, wish=wish()) is Nothing.FOR_ME
        assert heard.result(timeout=10) == popped
