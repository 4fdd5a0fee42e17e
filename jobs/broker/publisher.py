"""Publishes jobs in batches, over connections of its own that never make a caller wait.

A failure changes nothing: the row is queued, and the keeper publishes what did not arrive.
"""

import atexit
import contextlib
import logging
import os
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from celery._state import get_current_app
from django.db import transaction
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from jobs import conf
from jobs.broker import message
from jobs.broker.breaker import Breaker
from jobs.broker.sender import Sender
from jobs.models import Job

logger = logging.getLogger(__name__)

_Failures = (KombuError, RedisError, OSError)

_IDLE_SENDERS_MAX = 16
_BATCH_CHARACTERS = 2_000_000

# A web server has a new thread for every request: senders outlive the threads that use them.
_idle: deque[Sender] = deque()


@cache
def breaker() -> Breaker:
    return Breaker(rest_seconds=conf.current().BREAKER_SECONDS)


def publish_on_commit(jobs: Sequence[Job], *, using: str) -> None:
    """Once the outermost transaction has committed. Whatever happens then is no error of the caller's."""
    connection = transaction.get_connection(using)
    is_deferred = connection.in_atomic_block

    def publish_them() -> None:  # a partial has no __qualname__, which Django logs when it fails
        publish(_committed(jobs, using=using) if is_deferred else jobs, settle=False)

    if jobs:
        connection.on_commit(publish_them, robust=True)


def _committed(jobs: Sequence[Job], *, using: str) -> list[Job]:
    """Django calls back for work done under a savepoint that its caller rolled back by hand: no row, no message."""
    rows = Job.objects.using(using)
    chunks = (jobs[begin : begin + 500] for begin in range(0, len(jobs), 500))
    there = {id_ for chunk in chunks for id_ in rows.filter(id__in=[j.id for j in chunk]).values_list("id", flat=True)}
    return [job for job in jobs if job.id in there]


def publish(jobs: Sequence[Job], *, settle: bool = True) -> int:
    """Put a message for each job's next attempt on its queue. Returns how many have arrived.

    Without `settle`, Redis' last answer is read when something is published again, or at exit: they are believed.
    """
    if not jobs or breaker().is_open():
        return 0
    sender, missing = None, len(jobs)
    try:
        sender = _take()
        missing += sender.unanswered
        sender.settle()
        if sender.is_closed():
            _hang_up(sender)
            sender = _new()
        for batch in _batches(jobs):
            sender.send(batch)
        if settle:
            sender.settle()
    except _Failures as error:
        _give_up(sender, error, missing=missing)
        return 0
    _put_back(sender)
    return len(jobs)


def _batches(jobs: Sequence[Job]) -> Iterator[dict[str, list[str]]]:
    """The messages by queue, in order, as many at a time as travel well together."""
    app: Any = get_current_app()
    limit = conf.current().PUBLISH_BATCH_SIZE
    batch: dict[str, list[str]] = defaultdict(list)
    count = characters = 0
    for job in jobs:
        text = message.text(app, job)
        batch[job.queue].append(text)
        count, characters = count + 1, characters + len(text)
        if count >= limit or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, count, characters = defaultdict(list), 0, 0
    if batch:
        yield batch


def _take() -> Sender:
    """The sender that was used last, or a new one. A forked child leaves its parent's alone."""
    while _idle:
        try:
            sender = _idle.pop()
        except IndexError:  # another thread was faster
            break
        if sender.owner == os.getpid():
            return sender
    return _new()


def _new() -> Sender:
    return Sender(get_current_app())


def _put_back(sender: Sender) -> None:
    if len(_idle) < _IDLE_SENDERS_MAX:
        _idle.append(sender)
    else:
        _hang_up(sender)


def _give_up(sender: Sender | None, error: Exception, *, missing: int) -> None:
    breaker().trip()
    _hang_up(sender)
    _hang_up_idle()  # what ended this connection has ended the others
    logger.warning(
        "Redis took no messages (%s: %s). %d job(s) stay queued; the keeper publishes them when it is back.",
        type(error).__name__,
        error,
        missing,
    )


@atexit.register
def settle_all() -> None:
    """What Redis refused last is said before the process ends."""
    for sender in [sender for sender in _idle if sender.owner == os.getpid()]:
        try:
            sender.settle()
        except _Failures as error:
            _give_up(sender, error, missing=sender.unanswered)
            return


def _hang_up(sender: Sender | None) -> None:
    if sender is None or sender.owner != os.getpid():
        return
    try:
        sender.hang_up()
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
