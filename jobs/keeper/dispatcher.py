"""Queues what has fallen due, and publishes it."""

from datetime import datetime

from jobs import conf
from jobs.broker import publisher
from jobs.lifecycle import moving


def dispatch(now: datetime) -> int:
    total = 0
    while True:
        due = moving.make_due(now=now, limit=conf.current().DUTY_BATCH_SIZE)
        publisher.publish(due)
        total += len(due)
        if len(due) < conf.current().DUTY_BATCH_SIZE:
            return total
