"""Keeps a worker away from paused queues: by SQL when it starts, by the mirror in Redis with every beat after that.

A quiet worker keeps away from all of its queues, until it is woken or starts anew.
"""

import logging
import threading
from typing import Any

from celery import Celery
from django.db import Error as DatabaseError
from django.db import connections as django_connections

from jobs.broker import mirror
from jobs.execution import permits
from jobs.lifecycle.recording import database
from jobs.models import Queue

logger = logging.getLogger(__name__)

asked_for: set[str] = set()  # the queues of this worker's -Q, paused or not
_paused: set[str] = set()
_away_from: set[str] = set()
_quiet = threading.Event()
_lock = threading.Lock()  # the heart follows the mirror, the event loop hears orders


def start(app: Celery) -> None:
    """Remember what the worker was asked to serve, and leave out what SQL says is paused."""
    asked_for.clear()
    asked_for.update(app.amqp.queues.consume_from)
    _paused.clear()
    _away_from.clear()
    _quiet.clear()
    try:
        paused = set(Queue.objects.filter(paused_at__isnull=False).values_list("name", flat=True))
    except DatabaseError as error:
        logger.warning("SQL can't say which queues are paused (%s): this worker follows Redis.", error)
        return
    finally:
        django_connections[database()].close()
    _paused.update(paused)
    for name in sorted(paused & asked_for):
        app.amqp.queues.deselect([name])
        _away_from.add(name)
        logger.info("Queue %s is paused: not served until it is resumed.", name)


def queue_look(pipeline: Any) -> None:
    pipeline.get(mirror.paused_key())


def follow(consumer: Any, mirrored: str | None) -> None:
    """Leave and rejoin queues as the mirror says; without one everything stays as it is. Runs in the heart's thread."""
    paused = mirror.read_paused(mirrored)
    if paused is not None:
        _paused.clear()
        _paused.update(paused)
    _settle(consumer)


def hush(consumer: Any) -> None:
    _quiet.set()
    logger.info("Told to be quiet: nothing new is taken until this worker is woken or starts anew.")
    _settle(consumer)


def wake(consumer: Any) -> None:
    _quiet.clear()
    logger.info("Told to wake up.")
    _settle(consumer)


def is_quiet() -> bool:
    return _quiet.is_set()


def _settle(consumer: Any) -> None:
    if consumer is None or not getattr(consumer, "task_consumer", None):
        return
    with _lock:
        unwanted = asked_for if _quiet.is_set() else asked_for & _paused
        for name in sorted(unwanted - _away_from):
            _away_from.add(name)
            consumer.call_soon(consumer.cancel_task_queue, name)
        for name in sorted(_away_from - unwanted):
            _away_from.discard(name)
            consumer.call_soon(consumer.add_task_queue, name)
        consumer.call_soon(permits.renew, consumer.controller)
