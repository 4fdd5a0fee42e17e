"""Keeps a worker away from paused queues: by SQL when it starts, by the mirror in Redis with every beat after that."""

import logging
from typing import Any

from celery import Celery
from django.db import Error as DatabaseError
from django.db import connections as django_connections

from jobs.broker import mirror
from jobs.lifecycle.recording import database
from jobs.models import Queue

logger = logging.getLogger(__name__)

asked_for: set[str] = set()  # the queues of this worker's -Q, paused or not
_away_from: set[str] = set()


def start(app: Celery) -> None:
    """Remember what the worker was asked to serve, and leave out what SQL says is paused."""
    asked_for.clear()
    asked_for.update(app.amqp.queues.consume_from)
    _away_from.clear()
    try:
        paused = set(Queue.objects.filter(paused_at__isnull=False).values_list("name", flat=True))
    except DatabaseError as error:
        logger.warning("SQL can't say which queues are paused (%s): this worker follows Redis.", error)
        return
    finally:
        django_connections[database()].close()
    for name in sorted(paused & asked_for):
        app.amqp.queues.deselect([name])
        _away_from.add(name)
        logger.info("Queue %s is paused: not served until it is resumed.", name)


def queue_look(pipeline: Any) -> None:
    pipeline.get(mirror.paused_key())


def follow(consumer: Any, mirrored: str | None) -> None:
    """Leave and rejoin queues as the mirror says; without one everything stays as it is. Runs in the heart's thread."""
    paused = mirror.read_paused(mirrored)
    if paused is None or consumer is None or not getattr(consumer, "task_consumer", None):
        return
    for name in sorted((paused & asked_for) - _away_from):
        _away_from.add(name)
        consumer.call_soon(consumer.cancel_task_queue, name)
    for name in sorted(_away_from - paused):
        _away_from.discard(name)
        consumer.call_soon(consumer.add_task_queue, name)
