"""Wins the next claim of waiting jobs that are not to start: those flagged for cancelling, and those that have expired.

Flagged jobs that run are ordered to stop once more.
"""

from collections.abc import Iterable
from datetime import datetime

import redis

from jobs import conf
from jobs.broker import claims, connections, journal, mirror
from jobs.broker.claims import Holder
from jobs.domain.states import WAITING, Event, State
from jobs.keeper import evidence
from jobs.models import Job


def cancel_again(now: datetime) -> int:  # noqa: ARG001  (every duty has the same shape)
    client = connections.patient()
    flagged = list(Job.objects.flagged().order_by("cancel_requested_at")[: conf.current().DUTY_BATCH_SIZE])
    for job in flagged:
        if job.state == State.RUNNING:
            mirror.order_stop(client, job_id=job.id, attempt=job.attempt)
    return _withdraw(client, (job for job in flagged if job.state in WAITING), Event.CANCELLED)


def expire(now: datetime) -> int:
    overdue = Job.objects.overdue_to_expire(now).order_by("expires_at")[: conf.current().DUTY_BATCH_SIZE]
    return _withdraw(connections.patient(), overdue, Event.EXPIRED)


def _withdraw(client: redis.Redis, jobs: Iterable[Job], event: Event) -> int:
    won = 0
    for job in jobs:
        holder = claims.withdraw(client, job_id=job.id, attempt=job.next_attempt, event=event)
        won += holder is None
        if holder is not None and _is_overdue(client, holder):
            evidence.testify(client, job, holder)
    return won


def _is_overdue(client: redis.Redis, holder: Holder) -> bool:
    """The claim was taken a while ago and the journal is read, yet the row does not know: the entry is lost."""
    grace = conf.current().REPUBLISH_GRACE_SECONDS
    age = (connections.redis_ms(client) - holder.since_ms) / 1000
    return age > grace and journal.lag_seconds(client) <= grace
