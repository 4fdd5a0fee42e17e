"""Messages: standard ones, many in few round trips, nothing secret, and a caller who never waits."""

import json
import time
import uuid
from base64 import b64decode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import current_app
from django.conf import settings
from django.db.models import BooleanField, DateTimeField, FloatField, IntegerField, JSONField, UUIDField
from django.utils import timezone
from kombu import Connection

from jobs import conf
from jobs.broker import connections, message, publisher
from jobs.domain.states import State
from jobs.keeper import republisher
from jobs.models import Job
from jobs.shortcuts import submit
from tests import factories
from tests.support import messages
from tests.support.own_redis import OwnRedis, own_redis
from tests.support.story import eventually


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnRedis]:
    with own_redis(tmp_path) as server:
        yield server


def calls(client: redis.Redis) -> int:
    commands: Any = client.info("commandstats")
    return sum(stat["calls"] for name, stat in commands.items() if "info" not in name)


def reads(client: redis.Redis) -> int:
    stats: Any = client.info("stats")
    return int(stats["total_reads_processed"])


def test_a_stock_tool_can_read_the_message() -> None:
    job = factories.build_job(payload={"x": 1, "text": "ü"}, args=[5])
    publisher.publish([job])
    with Connection(current_app.conf.broker_url) as connection, connection.SimpleQueue("default") as queue:
        received = queue.get(timeout=5)
        args, kwargs, embed = received.payload
        received.ack()
    assert (args, kwargs) == ([5], {"x": 1, "text": "ü"})
    assert (received.headers["id"], received.headers["task"], received.headers["lang"]) == (str(job.id), "noop", "py")
    assert received.properties["correlation_id"] == str(job.id)
    assert (received.content_type, received.content_encoding) == ("application/json", "utf-8")
    assert set(embed) == {"callbacks", "errbacks", "chain", "chord"}


JOBS: dict[str, dict[str, Any]] = {
    "nothing special": {},
    "arguments": {"payload": {"x": 1, "text": "ü %(id)s 100 %"}, "args": [5], "queue": "high"},
    "sealed": {"payload": {"card": "4711"}, "sensitive": True},
    "without end": {"max_retries": None},
    "of a task with an odd name": {"task": "50 % ü"},
    "another attempt": {"attempt": 2, "closed": 2, "failures": 1, "losses": 1},
    "correlated": {"correlation_id": "order-7"},
    "with headers and limits": {"options": {"headers": {"tenant": "7"}, "time_limit": 5}},
    "of a group": {"group_id": "g", "group_index": 0, "root_id": uuid.UUID(int=1), "parent_id": uuid.UUID(int=2)},
    "first of a group": {"group_index": 0},
}


@pytest.mark.parametrize("kind", JOBS)
def test_it_is_what_kombu_would_have_written(redis_client: redis.Redis, kind: str) -> None:
    job = factories.build_job(**JOBS[kind])
    publisher.publish([factories.build_job(payload={"somebody": "else"}), job])
    built = message.build(current_app._get_current_object(), job)
    with Connection(current_app.conf.broker_url) as connection:
        connection.Producer(serializer="json").publish(
            built.body, routing_key=job.queue, headers=built.headers, retry=False, **built.properties
        )
    ours, kombus = messages.envelopes(job.queue)[-2:]
    assert ours["properties"].pop("delivery_tag") != kombus["properties"].pop("delivery_tag")
    assert messages.bodies(job.queue)[-2] == messages.bodies(job.queue)[-1]
    assert ours | {"body": ""} == kombus | {"body": ""}


@pytest.mark.parametrize("column", [field.attname for field in Job._meta.concrete_fields])
def test_no_column_of_a_job_is_missed_where_its_message_is_filled_in(column: str) -> None:
    """A header that is added to the message one day has to be thought of there too."""
    now, app = timezone.now(), current_app._get_current_object()
    job = factories.build_job(now=now)
    setattr(job, column, unusual(getattr(job, column), Job._meta.get_field(column)))
    written, built = json.loads(message.text(app, job)), message.build(app, job)
    assert [written["headers"], json.loads(b64decode(written["body"]))] == plain([built.headers, built.body])
    assert written["properties"].items() >= plain(built.properties).items()


def unusual(value: Any, field: Any) -> Any:
    if isinstance(field, UUIDField):
        return uuid.UUID(int=7)
    if isinstance(field, DateTimeField):
        return timezone.now()
    if isinstance(field, JSONField):
        return [7] if isinstance(value, list) else {"headers": {"tenant": "7"}}
    if isinstance(field, BooleanField):
        return not value
    return (value or 0) + 1 if isinstance(field, IntegerField | FloatField) else "unusual"


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_our_headers_are_read_as_they_were_written() -> None:
    now = timezone.now()
    job = factories.build_job(attempt=2, closed=2, failures=1, losses=1, unknowns=3, expires_at=now, now=now)
    publisher.publish([job])
    delivery = message.read(messages.headers()[0])
    assert delivery is not None
    assert (delivery.job_id, delivery.attempt, delivery.max_retries) == (str(job.id), 3, 3)
    assert (delivery.budget.failures, delivery.budget.losses, delivery.budget.unknowns) == (1, 1, 3)
    assert (delivery.published_at, delivery.queued_at, delivery.expires_at) == (now, now, now)


def test_a_stock_message_has_none_of_our_headers() -> None:
    assert message.read({"id": "x", "task": "noop"}) is None


def test_arguments_are_not_repeated_where_logs_show_them() -> None:
    publisher.publish([factories.build_job(payload={"card": "4711-0815"})])
    [header] = messages.headers()
    assert (header["argsrepr"], header["kwargsrepr"]) == ("…", "…")
    assert "4711" not in str(header)


def test_a_sensitive_payload_is_not_on_the_wire() -> None:
    publisher.publish([factories.build_job(payload={"card": "4711-0815"}, args=["4711"], sensitive=True)])
    assert messages.bodies()[0][:2] == [[], {}]
    assert b"4711" not in messages.raw()[0]


def test_each_job_lands_in_its_queue_in_order(redis_client: redis.Redis) -> None:
    jobs = [factories.build_job(queue=queue) for queue in ("high", "low", "high")]
    assert publisher.publish(jobs) == 3
    assert messages.ids("high") == [str(jobs[0].id), str(jobs[2].id)]
    assert messages.ids("low") == [str(jobs[1].id)]
    keys: Any = redis_client.keys()
    assert sorted(keys) == [b"high", b"low"]


def test_a_thousand_jobs_travel_in_one_round_trip_or_two(redis_client: redis.Redis) -> None:
    publisher.publish([factories.build_job()])
    before_reads, before = reads(redis_client), calls(redis_client)
    publisher.publish([factories.build_job() for _ in range(1000)])
    after_reads, after = reads(redis_client), calls(redis_client)
    assert redis_client.llen("default") == 1001
    assert after - before <= 10, "many in one LPUSH; no command that answers for each message"
    assert after_reads - before_reads <= 200, "reads of 16 KiB: the batch came in one piece"


def test_nothing_to_publish_asks_nobody(server: OwnRedis) -> None:
    server.stop()
    assert publisher.publish([]) == 0
    assert not publisher.breaker().is_open()


def seconds_to_submit() -> float:
    began = time.monotonic()
    submit("noop")
    return time.monotonic() - began


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("break_it", [OwnRedis.stop, OwnRedis.silence])
@pytest.mark.parametrize("is_warm", [True, False])
def test_a_redis_that_is_away_or_silent_keeps_no_caller_waiting(server: OwnRedis, break_it: Any, is_warm: bool) -> None:
    if is_warm:
        submit("noop")
    break_it(server)
    firsts, others = [], []
    for _ in range(3):  # the machine may be busy with something else
        publisher.breaker().reset()
        firsts.append(seconds_to_submit())
        others += [seconds_to_submit() for _ in range(9)]
    assert min(firsts) < 0.6
    assert sorted(others)[len(others) // 2] < 0.05
    assert set(Job.objects.values_list("state", flat=True)) == {State.QUEUED}
    assert Job.objects.count() == 30 + is_warm


@pytest.mark.django_db(transaction=True)
def test_what_could_not_be_published_is_published_when_redis_is_back(server: OwnRedis) -> None:
    server.stop()
    jobs = [submit("noop") for _ in range(3)]
    server.start()
    publisher.breaker().reset()
    later = timezone.now() + timedelta(seconds=conf.current().REPUBLISH_GRACE_SECONDS + 1)
    connections.forget()
    assert republisher.republish(later) == 3
    assert messages.ids() == [str(job.id) for job in jobs]


def test_the_breaker_closes_by_itself(server: OwnRedis) -> None:
    server.stop()
    publisher.publish([factories.build_job()])
    assert publisher.breaker().is_open()
    server.start()
    publisher.breaker()._open_until = time.monotonic()
    assert publisher.publish([factories.build_job()]) == 1
    assert len(messages.raw()) == 1


@pytest.mark.django_db(transaction=True)
def test_one_submission_does_not_wait_for_a_silent_redis_and_the_next_says_it(
    server: OwnRedis, caplog: pytest.LogCaptureFixture
) -> None:
    submit("noop")
    publisher.settle_all()
    server.silence()
    assert seconds_to_submit() < conf.current().PUBLISH_TIMEOUT_SECONDS
    assert not publisher.breaker().is_open()
    submit("noop")
    assert publisher.breaker().is_open()
    assert "2 job(s) stay queued" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_message_that_redis_refused_is_told_before_the_process_ends(
    server: OwnRedis, caplog: pytest.LogCaptureFixture
) -> None:
    submit("noop")
    publisher.settle_all()
    refuse_writes()
    submit("noop")
    assert not caplog.text
    publisher.settle_all()
    assert "Redis took no messages (OutOfMemoryError" in caplog.text
    assert "1 job(s) stay queued" in caplog.text
    assert len(messages.raw()) == 1


def refuse_writes() -> None:
    with redis.Redis.from_url(settings.BROKER_URL) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")


@pytest.mark.parametrize("has_settled", [True, False])
def test_a_connection_that_redis_closed_is_replaced_and_nothing_is_lost(server: OwnRedis, has_settled: bool) -> None:
    publisher.publish([factories.build_job()], settle=has_settled)
    eventually(lambda: len(messages.raw()) == 1, "Redis answers, whether anybody reads that or not")
    server.stop()
    server.start()
    assert publisher.publish([factories.build_job()]) == 1
    assert not publisher.breaker().is_open()
