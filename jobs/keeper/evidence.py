"""A taken claim is evidence of what the journal may have lost: that an attempt runs, or will never start. Say it again."""

import redis

from jobs.broker import claims, journal
from jobs.broker.claims import Holder
from jobs.domain.states import Event
from jobs.models import Job


def testify(client: redis.Redis, job: Job, holder: Holder) -> None:
    if holder.state == claims.RUNNING:
        journal.report_started(
            client, job_id=str(job.id), attempt=job.next_attempt, at_ms=holder.since_ms, by=holder.by
        )
    elif holder.ended in (Event.CANCELLED, Event.EXPIRED):
        journal.report_withdrawn(
            client, job_id=str(job.id), attempt=job.next_attempt, at_ms=holder.since_ms, event=Event(holder.ended)
        )
