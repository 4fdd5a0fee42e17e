"""Publishes jobs in batches over a connection of its own that never makes a caller wait.

A failure changes nothing: the row is queued, and the keeper publishes what did not arrive.
"""

import contextlib
import logging
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from celery import Celery, current_app
from django.db import transaction
from kombu import Connection, Producer
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from jobs import conf
from jobs.broker import message
from jobs.broker.breaker import Breaker
from jobs.models import Job

logger = logging.getLogger(__name__)

_Failures = (KombuError, RedisError, OSError)


_IDLE_LINES_MAX = 16


@dataclass(frozen=True, slots=True)
class _Line:
    """A connection to the broker, used by one thread at a time: kombu's are not to be shared."""

    connection: Connection
    producer: Any
    owner: int


# A web server has a new thread for every request: lines outlive the threads that use them.
_idle: deque[_Line] = deque()


@cache
def breaker() -> Breaker:
    return Breaker(rest_seconds=conf.current().BREAKER_SECONDS)


def publish_on_commit(jobs: Sequence[Job], *, using: str) -> None:
    """Once the outermost transaction has committed. Whatever happens then is no error of the caller's."""
    is_deferred = transaction.get_connection(using).in_atomic_block

    def publish_them() -> None:  # a partial has no __qualname__, which Django logs when it fails
        publish(_committed(jobs, using=using) if is_deferred else jobs)

    if jobs:
        transaction.on_commit(publish_them, using=using, robust=True)


def _committed(jobs: Sequence[Job], *, using: str) -> list[Job]:
    """Django calls back for work done under a savepoint that its caller rolled back by hand: no row, no message."""
    rows = Job.objects.using(using)
    chunks = (jobs[begin : begin + 500] for begin in range(0, len(jobs), 500))
    there = {id_ for chunk in chunks for id_ in rows.filter(id__in=[j.id for j in chunk]).values_list("id", flat=True)}
    return [job for job in jobs if job.id in there]


def publish(jobs: Sequence[Job]) -> int:
    """Put a message for each job's next attempt on its queue. Returns how many are known to have arrived."""
    if not jobs or breaker().is_open():
        return 0
    line = None
    try:
        line = _take()
        _send(jobs, line)
    except _Failures as error:
        breaker().trip()
        _hang_up(line)
        _hang_up_idle()  # what ended this line has ended the others
        logger.warning(
            "Redis took no messages (%s: %s). %d job(s) stay queued; the keeper publishes them when it is back.",
            type(error).__name__,
            error,
            len(jobs),
        )
        return 0
    _put_back(line)
    return len(jobs)


def _send(jobs: Sequence[Job], line: _Line) -> None:
    app: Any = current_app._get_current_object()
    is_one = len(jobs) == 1  # a pipeline costs more to make than one message to send
    with contextlib.nullcontext() if is_one else line.producer.batch(max_size=conf.current().PUBLISH_BATCH_SIZE):
        for job in jobs:
            built = message.build(app, job)
            line.producer.publish(
                message.encode_body(built.body),
                exchange="",
                routing_key=job.queue,
                content_type="application/json",
                content_encoding="utf-8",
                headers=built.headers,
                priority=0,
                **built.properties,
            )


def _take() -> _Line:
    """The line that was used last, or a new one. A forked child leaves its parent's lines alone."""
    while _idle:
        with contextlib.suppress(IndexError):  # another thread was faster
            line = _idle.pop()
            if line.owner == os.getpid():
                return line
    connection = connect(current_app._get_current_object())
    # Not .channel(): kombu would try twice there, with two seconds between.
    return _Line(connection, Producer(connection.default_channel, auto_declare=False), os.getpid())


def _put_back(line: _Line) -> None:
    if len(_idle) < _IDLE_LINES_MAX:
        _idle.append(line)
    else:
        _hang_up(line)


def connect(app: Celery) -> Connection:
    """To the broker; a failure is quick and is not tried again."""
    timeout = conf.current().PUBLISH_TIMEOUT_SECONDS
    options: dict[str, Any] = {
        **(app.conf.broker_transport_options or {}),
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "max_retries": 0,
    }
    url = app.conf.broker_write_url or app.conf.broker_url
    return Connection(url, transport="jobs.broker.transport:Transport", transport_options=options)


def _hang_up(line: _Line | None) -> None:
    if line is None or line.owner != os.getpid():
        return
    try:
        line.connection.release()
    except _Failures:
        logger.debug("the broken connection to Redis could not be closed", exc_info=True)


def forget() -> None:
    """Drop the idle connections and the breaker: the address has changed."""
    _hang_up_idle()
    breaker.cache_clear()


def _hang_up_idle() -> None:
    with contextlib.suppress(IndexError):
        while True:
            _hang_up(_idle.pop())
