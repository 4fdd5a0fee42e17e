"""The journal: read once by one keeper, kept until it is settled, shared, and found again after a flush."""

from typing import Any
from uuid import uuid4

import pytest
import redis

from jobs.broker import claims, connections, journal
from jobs.domain.journal import Adopted, Executor, Progressed, Started, Withdrawn
from jobs.domain.states import Burial, Event

BY = Executor(worker="ann@host", incarnation="aaaa", pid=1, beat=3)


@pytest.fixture
def client() -> redis.Redis:
    client = connections.patient()
    journal.open_group(client)
    return client


def tell(client: redis.Redis, count: int = 1) -> list[str]:
    ids = [str(uuid4()) for _ in range(count)]
    for job_id in ids:
        journal.report_started(client, job_id=job_id, attempt=1, at_ms=1000, by=BY, queued_ms=7)
    return ids


def read(client: redis.Redis, reader: str = "one", count: int = 100) -> list[journal.Line]:
    return journal.read(client, reader=reader, count=count, block_ms=None)


def test_what_was_told_is_read_as_it_was(client: redis.Redis) -> None:
    [job_id] = tell(client)
    journal.report_withdrawn(client, job_id=job_id, attempt=2, at_ms=5, event=Event.EXPIRED)
    journal.report_progress(client, Progressed(job_id, 1, 6, 40.5, "ü\u2028 half"))
    adopted = Adopted(job_id, 0, "low", "t", (1, "a"), {"k": None}, None, None, "raw", Burial.UNDECODABLE)
    journal.report_adopted(client, adopted)
    started, withdrawn, progressed, found = (line.entry for line in read(client))
    assert started == Started(job_id, 1, 1000, BY, 7)
    assert withdrawn == Withdrawn(job_id, 2, 5, Event.EXPIRED)
    assert progressed == Progressed(job_id, 1, 6, 40.5, "ü\u2028 half")
    assert isinstance(found, Adopted)
    assert (found.task, found.args, found.payload, found.reason) == ("t", (1, "a"), {"k": None}, Burial.UNDECODABLE)


def test_two_readers_share_the_entries(client: redis.Redis) -> None:
    tell(client, 4)
    first, second = read(client, "one", count=2), read(client, "two")
    assert len({line.id for line in [*first, *second]}) == 4


def test_settled_entries_are_gone(client: redis.Redis) -> None:
    tell(client, 3)
    lines = read(client)
    journal.settle(client, ids=[line.id for line in lines], closed=[])
    assert client.xlen(claims.journal_key()) == 0
    assert journal.take_over(client, reader="two", idle_ms=0, count=10) == []


def test_unsettled_entries_go_to_whoever_takes_over(client: redis.Redis) -> None:
    tell(client, 3)
    lines = read(client)
    assert journal.take_over(client, reader="two", idle_ms=60_000, count=10) == []
    assert [line.id for line in journal.take_over(client, reader="two", idle_ms=0, count=10)] == [li.id for li in lines]


def test_the_group_is_made_again_after_a_flush_and_nothing_is_skipped(client: redis.Redis) -> None:
    read(client)
    client.flushall()
    tell(client, 2)
    assert read(client) == []
    assert len(read(client)) == 2


def test_taking_over_makes_the_group_again_too(client: redis.Redis) -> None:
    client.flushall()
    tell(client)
    assert journal.take_over(client, reader="one", idle_ms=0, count=10) == []
    assert len(read(client)) == 1


def test_opening_the_group_twice_changes_nothing(client: redis.Redis) -> None:
    tell(client)
    read(client)
    journal.open_group(client)
    assert read(client) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"k": "sung", "j": "x", "n": 1, "t": 1, "b": ""},
        {"k": "started", "j": "x", "n": "one", "t": 1, "b": "[]"},
        {"k": "started", "j": "x", "n": 1, "t": 1, "b": "{not json"},
        {"k": "ended", "j": "x", "n": 1, "t": 1, "b": "{}", "c": ""},
        {"k": "ended", "j": "x", "n": 1, "t": 1, "b": "[]", "c": "run"},
        {"k": "late", "j": "x", "n": 1, "t": 1, "b": "sideways"},
        {"k": "adopted", "j": "x", "t": 1, "b": "{}"},
        {"something": "else"},
    ],
)
def test_an_entry_nobody_can_read_says_why_instead_of_raising(client: redis.Redis, fields: Any) -> None:
    client.xadd(claims.journal_key(), fields)
    [line] = read(client)
    assert line.entry is None
    assert line.problem.startswith("unreadable entry")


def test_the_quarantine_keeps_the_entry_with_its_problem(client: redis.Redis) -> None:
    [job_id] = tell(client)
    [line] = read(client)
    journal.quarantine(client, line, problem="x" * 5_000)
    found: Any = client.xrange(journal.quarantine_key())
    [[_id, fields]] = found
    assert (fields["j"], fields["entry"], len(fields["problem"])) == (job_id, line.id, 2_000)


def age(client: redis.Redis, seconds: float) -> str:
    return f"{connections.redis_ms(client) - int(seconds * 1000)}-0"


def test_an_empty_journal_does_not_lag(client: redis.Redis) -> None:
    assert journal.lag_seconds(client) == 0
    client.flushall()
    assert journal.lag_seconds(client) == 0


def test_the_lag_is_the_age_of_the_oldest_entry_that_is_not_settled(client: redis.Redis) -> None:
    fields = {"k": "late", "j": "x", "n": 1, "t": 1, "b": "lost"}
    client.delete(claims.journal_key())
    client.xadd(claims.journal_key(), fields, id=age(client, 100))  # type: ignore[arg-type]
    assert journal.lag_seconds(client) == pytest.approx(100, abs=5)
    journal.open_group(client)
    [line] = read(client)
    assert journal.lag_seconds(client) == pytest.approx(100, abs=5), "given to a reader, not settled"
    journal.settle(client, ids=[line.id], closed=[])
    assert journal.lag_seconds(client) == 0


def test_the_journal_is_read_before_a_group_exists_as_lagging(client: redis.Redis) -> None:
    client.delete(claims.journal_key())
    fields = {"k": "late", "j": "x", "n": 1, "t": 1, "b": "lost"}
    client.xadd(claims.journal_key(), fields, id=age(client, 50))  # type: ignore[arg-type]
    assert journal.lag_seconds(client) == pytest.approx(50, abs=5)
