"""Republishing: what is gone is sent again, what is only slow is not, and never more messages than rows."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.utils import timezone

from jobs import conf
from jobs.broker import claims, connections, journal, publisher
from jobs.domain.states import Event, State
from jobs.keeper import republisher
from jobs.keeper.recorder import Recorder
from jobs.models import Job
from tests import factories
from tests.support import messages
from tests.support.workers import Worker

NOW = timezone.now()
LONG_AGO = NOW - timedelta(seconds=60)


@pytest.fixture(autouse=True)
def recorder() -> Recorder:
    journal.open_group(connections.patient())
    return Recorder()


def published(at: datetime = LONG_AGO, **columns: Any) -> Job:
    """A queued job whose message was sent then."""
    job = factories.make_job(now=at, **columns)
    publisher.publish([job])
    return job


def test_a_message_that_is_gone_is_sent_again_with_one_stamp_in_both_places() -> None:
    job = factories.make_job(now=LONG_AGO)
    assert republisher.republish(NOW) == 1
    [header] = messages.headers()
    assert (header["id"], header["attempt"], header["published_at"]) == (str(job.id), 1, NOW.isoformat())
    job.refresh_from_db()
    assert (job.state, job.published_at) == (State.QUEUED, NOW)
    assert republisher.republish(NOW) == 0


@pytest.mark.parametrize(("age", "count"), [(4.9, 0), (5.1, 1)])
def test_a_young_job_is_given_its_grace(age: float, count: int) -> None:
    factories.make_job(now=NOW - timedelta(seconds=age))
    assert republisher.republish(NOW) == count


def test_a_backlog_is_not_sent_again_however_old() -> None:
    for age in (300, 200, 100):
        published(NOW - timedelta(seconds=age))
    assert republisher.republish(NOW) == 0
    assert len(messages.raw()) == 3


def test_a_message_lost_before_the_oldest_of_its_queue_is_sent_again() -> None:
    """A worker took it and died before it won the claim."""
    lost = published(NOW - timedelta(seconds=300))
    messages.take()
    published(NOW - timedelta(seconds=100))
    assert republisher.republish(NOW) == 1
    assert messages.ids()[-1] == str(lost.id)


def test_a_flushed_redis_is_filled_again_oldest_first() -> None:
    jobs = [published(NOW - timedelta(seconds=age)) for age in (60, 50, 40)]
    connections.patient().flushall()
    journal.open_group(connections.patient())
    assert republisher.republish(NOW) == 3
    assert messages.ids() == factories.ids(jobs)


def test_there_are_never_more_messages_than_rows() -> None:
    """Clocks that disagree make everything look lost; the list says that nothing is."""
    for _ in range(3):
        published(LONG_AGO)
    lost = factories.make_job(now=NOW - timedelta(seconds=90))
    stranger = factories.build_job(now=NOW + timedelta(seconds=60))
    publisher.publish([stranger])
    messages.take()
    assert len(messages.raw()) == 3
    assert republisher.republish(NOW) == 1
    assert len(messages.raw()) == Job.objects.queued().count() == 4
    assert str(lost.id) in messages.ids()


def test_a_message_from_a_clock_that_is_ahead_does_not_shorten_the_grace_of_others() -> None:
    published(NOW + timedelta(seconds=60))
    factories.make_job(now=NOW - timedelta(seconds=4))
    assert republisher.republish(NOW) == 0
    assert republisher.republish(NOW + timedelta(seconds=2)) == 1


def test_each_queue_is_looked_at_by_itself() -> None:
    published(LONG_AGO, queue="low")
    high = factories.make_job(now=LONG_AGO, queue="high")
    assert republisher.republish(NOW) == 1
    assert messages.ids("high") == [str(high.id)]


def test_what_a_beat_lists_is_not_sent_again() -> None:
    job, worker = factories.make_job(now=LONG_AGO), Worker()
    worker.running[(str(job.id), 1)] = job.task
    worker.beat()
    assert republisher.republish(NOW) == 0
    assert messages.raw() == []


def test_a_flagged_job_is_not_sent_again() -> None:
    factories.make_job(now=LONG_AGO, cancel_requested_at=NOW)
    assert republisher.republish(NOW) == 0


@pytest.mark.parametrize("state", [s for s in State if s is not State.QUEUED])
def test_only_queued_jobs_are_sent_again(state: State) -> None:
    factories.make_job(state, now=LONG_AGO)
    assert republisher.republish(NOW) == 0


def test_a_taken_claim_testifies_that_the_attempt_runs(recorder: Recorder) -> None:
    job, worker = factories.make_job(now=LONG_AGO), Worker()
    worker.start(job)
    connections.patient().delete(claims.journal_key())
    assert republisher.republish(NOW) == 0
    recorder.run_once()
    recorder.drain()
    job.refresh_from_db()
    assert (job.state, job.attempts.get().incarnation) == (State.RUNNING, worker.incarnation)


@pytest.mark.parametrize("event", [Event.CANCELLED, Event.EXPIRED])
def test_a_withdrawn_claim_testifies_that_the_job_is_over(recorder: Recorder, event: Event) -> None:
    """Web was killed between winning the claim of a cancel and anything else."""
    job = factories.make_job(now=LONG_AGO)
    claims.withdraw(connections.patient(), job_id=job.id, attempt=1, event=event)
    connections.patient().delete(claims.journal_key())
    assert republisher.republish(NOW) == 0
    recorder.run_once()
    recorder.drain()
    job.refresh_from_db()
    assert job.state == event.value


@pytest.mark.parametrize("is_delivered", [True, False])
def test_a_lagging_journal_keeps_everything_as_it_is(redis_client: redis.Redis, is_delivered: bool) -> None:
    factories.make_job(now=LONG_AGO)
    client = connections.patient()
    old = f"{connections.redis_ms(client) - 10_000}-0"
    client.delete(claims.journal_key())
    client.xadd(claims.journal_key(), {"k": "late", "j": "x", "n": "1", "t": "1", "b": "lost"}, id=old)
    journal.open_group(client)
    if is_delivered:
        journal.read(client, reader="slow", count=1, block_ms=None)
    assert republisher.republish(NOW) == 0
    assert messages.raw() == []


def test_a_batch_at_a_time_is_sent_again() -> None:
    batch = conf.current().DUTY_BATCH_SIZE
    factories.make_jobs(batch + 10, now=LONG_AGO)
    assert [republisher.republish(NOW) for _ in range(3)] == [batch, 10, 0]
    assert len(set(messages.ids())) == batch + 10


@pytest.mark.timeout(240)
def test_twenty_thousand_paused_jobs_and_a_clock_that_is_ahead_publish_nothing_twice() -> None:
    jobs = factories.make_jobs(20_000, now=LONG_AGO)
    ahead = NOW + timedelta(seconds=60)
    with redis.Redis.from_url(settings.BROKER_URL) as broker:
        stamps = [ahead, *[LONG_AGO] * (len(jobs) - 1)]
        texts = (json.dumps({"headers": {"published_at": stamp.isoformat()}}) for stamp in stamps)
        broker.lpush("default", *texts)
    assert sum(republisher.republish(NOW + timedelta(seconds=second)) for second in range(0, 61, 15)) == 0
