"""Publishes queued jobs again whose message seems to be gone. One rule for the outbox, outages, FLUSHALL and lost pops.

A list never holds more messages than its queue has rows, whatever the clocks do.
"""

from datetime import datetime, timedelta

import redis

from jobs import conf
from jobs.broker import claims, connections, depth, heartbeats, journal, publisher
from jobs.keeper import evidence
from jobs.lifecycle import moving
from jobs.models import Job


def republish(now: datetime) -> int:
    client = connections.patient()
    grace = conf.current().REPUBLISH_GRACE_SECONDS
    if journal.lag_seconds(client) > grace:
        return 0  # an entry on its way may say that the job has started
    return sum(_republish_queue(client, queue, now=now, grace=grace) for queue in conf.current().QUEUES)


def _republish_queue(client: redis.Redis, queue: str, *, now: datetime, grace: float) -> int:
    looked = depth.look(queue)  # before any claim is looked up
    oldest = min(looked.oldest_published_at or now, now)
    waiting = Job.objects.queued().filter(queue=queue)
    overdue = waiting.filter(published_at__lt=oldest - timedelta(seconds=grace), cancel_requested_at__isnull=True)
    if not overdue.exists():
        return 0
    room = min(waiting.count() - looked.messages, conf.current().DUTY_BATCH_SIZE)
    if room <= 0:
        return 0
    missing = _unclaimed(client, list(overdue.order_by("published_at")[:room]))
    published = moving.stamp_published(missing, now=now)
    publisher.publish(published)
    return len(published)


def _unclaimed(client: redis.Redis, jobs: list[Job]) -> list[Job]:
    """Those whose next attempt nobody runs. A taken claim is evidence of what the journal has lost: say it again."""
    listed = {claim for beat in heartbeats.all_of(client).values() for claim in beat.claims}
    holders = claims.look(client, [(job.id, job.next_attempt) for job in jobs])
    free = []
    for job, holder in zip(jobs, holders, strict=True):
        if holder is not None:
            evidence.testify(client, job, holder)
        elif (str(job.id), job.next_attempt) not in listed:
            free.append(job)
    return free
