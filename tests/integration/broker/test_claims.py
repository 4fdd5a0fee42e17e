"""The claim: one starter, one outcome, whoever asks and however often."""

from uuid import uuid4

import pytest
import redis

from jobs import conf
from jobs.broker import claims, connections, entries, journal
from jobs.domain.journal import Ended, Executor, Late, Started, Withdrawn
from jobs.domain.states import Event, Outcome
from tests import factories

ANN = Executor(worker="ann@host", incarnation="aaaa", pid=1, beat=3)
BOB = Executor(worker="bob@host", incarnation="bbbb", pid=2, beat=4)


@pytest.fixture
def client() -> redis.Redis:
    return connections.patient()


@pytest.fixture
def job_id() -> str:
    return str(uuid4())


def start(client: redis.Redis, job_id: str, by: Executor = ANN, token: str = "t1") -> claims.Start:
    return claims.start(client, job_id=job_id, attempt=1, by=by, token=token, queued_ms=5)


def finish(
    client: redis.Redis,
    job_id: str,
    *,
    by: Executor = ANN,
    outcome: Outcome = Outcome.SUCCEEDED,
    token: str = "-",
    note_late: bool = False,
) -> bool:
    body = entries.ended_body(factories.ended(factories.build_job(), outcome=outcome, by=by))
    return claims.finish(
        client,
        job_id=job_id,
        attempt=1,
        incarnation=by.incarnation,
        outcome=outcome,
        body=body,
        token=token,
        note_late=note_late,
    )


def told(client: redis.Redis) -> list[object]:
    return [line.entry for line in journal.read(client, reader="test", count=100, block_ms=None)]


@pytest.fixture(autouse=True)
def _group(client: redis.Redis) -> None:
    journal.open_group(client)


def test_of_two_starters_one_wins_and_the_other_learns_who(client: redis.Redis, job_id: str) -> None:
    first, second = start(client, job_id), start(client, job_id, by=BOB, token="t2")
    assert first.won_ms is not None
    assert second.won_ms is None
    assert second.holder is not None
    assert (second.holder.state, second.holder.by) == (claims.RUNNING, ANN)
    assert told(client) == [Started(job_id, 1, first.won_ms, ANN, 5)]


def test_a_suppressed_duplicate_is_counted(client: redis.Redis, job_id: str) -> None:
    start(client, job_id)
    start(client, job_id, by=BOB, token="t2")
    assert client.hget(claims.counters_key(), "duplicates_suppressed") == "1"


def test_a_start_whose_answer_was_lost_wins_again_with_its_token(client: redis.Redis, job_id: str) -> None:
    first, again = start(client, job_id), start(client, job_id)
    assert first == again
    assert len(told(client)) == 1


def test_the_same_worker_with_another_token_does_not_win_again(client: redis.Redis, job_id: str) -> None:
    start(client, job_id)
    assert start(client, job_id, token="other").won_ms is None


def test_events_have_the_time_of_redis(client: redis.Redis, job_id: str) -> None:
    before = connections.redis_ms(client)
    won = start(client, job_id).won_ms
    assert won is not None
    assert before <= won <= connections.redis_ms(client)


def test_an_attempt_has_one_outcome_however_many_speak(client: redis.Redis, job_id: str) -> None:
    start(client, job_id)
    assert finish(client, job_id, outcome=Outcome.SUCCEEDED, token="t1")
    assert not finish(client, job_id, outcome=Outcome.LOST)
    outcomes = [entry.outcome for entry in told(client) if isinstance(entry, Ended)]
    assert outcomes == [Outcome.SUCCEEDED]


def test_a_finish_whose_answer_was_lost_is_repeated_without_a_second_entry(client: redis.Redis, job_id: str) -> None:
    start(client, job_id)
    assert finish(client, job_id, token="t1", note_late=True)
    assert finish(client, job_id, token="t1", note_late=True)
    assert len(told(client)) == 2


def test_who_comes_too_late_is_noted_when_it_is_the_child_itself(client: redis.Redis, job_id: str) -> None:
    start(client, job_id)
    finish(client, job_id, outcome=Outcome.LOST)
    assert not finish(client, job_id, outcome=Outcome.SUCCEEDED, token="t1", note_late=True)
    late = [entry for entry in told(client) if isinstance(entry, Late)]
    assert [entry.outcome for entry in late] == [Outcome.SUCCEEDED]


def test_a_stranger_can_not_finish_what_another_runs(client: redis.Redis, job_id: str) -> None:
    start(client, job_id)
    assert not finish(client, job_id, by=BOB, outcome=Outcome.LOST)
    assert [type(entry) for entry in told(client)] == [Started]


def test_a_finish_without_a_claim_is_taken(client: redis.Redis, job_id: str) -> None:
    """Redis has lost the claim; the worker that holds the result must not lose it."""
    assert finish(client, job_id, token="t1")
    assert [type(entry) for entry in told(client)] == [Ended]


def test_an_outcome_names_who_held_the_claim(client: redis.Redis, job_id: str) -> None:
    won = start(client, job_id).won_ms
    finish(client, job_id, outcome=Outcome.LOST)
    [ended] = [entry for entry in told(client) if isinstance(entry, Ended)]
    assert (ended.by, ended.started_ms) == (ANN, won)


@pytest.mark.parametrize("event", [Event.CANCELLED, Event.EXPIRED])
def test_a_withdrawn_attempt_can_not_start(client: redis.Redis, job_id: str, event: Event) -> None:
    assert claims.withdraw(client, job_id=job_id, attempt=1, event=event) is None
    answer = start(client, job_id)
    assert answer.won_ms is None
    assert answer.holder is not None
    assert (answer.holder.state, answer.holder.ended) == (claims.OVER, event)
    [entry] = told(client)
    assert isinstance(entry, Withdrawn)
    assert entry.event is event


def test_what_runs_can_not_be_withdrawn(client: redis.Redis, job_id: str) -> None:
    start(client, job_id)
    holder = claims.withdraw(client, job_id=job_id, attempt=1, event=Event.CANCELLED)
    assert holder is not None
    assert holder.by == ANN


def test_a_second_withdrawal_says_what_the_first_was(client: redis.Redis, job_id: str) -> None:
    claims.withdraw(client, job_id=job_id, attempt=1, event=Event.EXPIRED)
    holder = claims.withdraw(client, job_id=job_id, attempt=1, event=Event.CANCELLED)
    assert holder is not None
    assert holder.ended == Event.EXPIRED
    assert len(told(client)) == 1


def test_each_attempt_has_a_claim_of_its_own(client: redis.Redis, job_id: str) -> None:
    start(client, job_id)
    assert claims.withdraw(client, job_id=job_id, attempt=2, event=Event.CANCELLED) is None


def renew(client: redis.Redis, job_id: str, by: Executor = ANN) -> None:
    with client.pipeline(transaction=False) as pipeline:
        claims.renew(pipeline, client, job_id=job_id, attempt=1, by=by, started_ms=1234, queued_ms=5)
        pipeline.execute()


def test_renewing_a_claim_that_is_there_does_nothing(client: redis.Redis, job_id: str) -> None:
    won = start(client, job_id).won_ms
    renew(client, job_id)
    [holder] = claims.look(client, [(job_id, 1)])
    assert holder is not None
    assert holder.since_ms == won
    assert len(told(client)) == 1


def test_a_lost_claim_is_put_back_and_its_start_told_again(client: redis.Redis, job_id: str) -> None:
    start(client, job_id)
    client.flushall()
    journal.open_group(client)
    renew(client, job_id)
    [holder] = claims.look(client, [(job_id, 1)])
    assert holder is not None
    assert (holder.since_ms, holder.by) == (1234, ANN)
    assert told(client) == [Started(job_id, 1, 1234, ANN, 5)]


def test_a_claim_that_is_over_is_not_renewed(client: redis.Redis, job_id: str) -> None:
    start(client, job_id)
    finish(client, job_id, outcome=Outcome.LOST)
    renew(client, job_id)
    [holder] = claims.look(client, [(job_id, 1)])
    assert holder is not None
    assert holder.state == claims.OVER


def test_flushed_scripts_load_themselves_again(client: redis.Redis, job_id: str) -> None:
    start(client, job_id)
    client.script_flush()
    assert finish(client, job_id)
    client.script_flush()
    assert claims.withdraw(client, job_id=job_id, attempt=2, event=Event.CANCELLED) is None
    client.script_flush()
    renew(client, job_id)


def test_a_claim_lives_until_its_outcome_is_recorded(client: redis.Redis, job_id: str) -> None:
    key = claims.claim_key(job_id, 1)
    start(client, job_id)
    assert client.ttl(key) == -1
    finish(client, job_id)
    assert client.ttl(key) == -1
    lines = journal.read(client, reader="test", count=10, block_ms=None)
    journal.settle(client, ids=[line.id for line in lines], closed=[(job_id, 1)])
    assert 0 < client.ttl(key) <= conf.current().CLAIM_KEPT_SECONDS


def test_looking_at_no_claims_asks_nobody(client: redis.Redis) -> None:
    assert claims.look(client, []) == []
    assert claims.look(client, [("nobody", 1)]) == [None]
