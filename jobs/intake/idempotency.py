"""One key, one job: a submission repeated under its key finds the first one. Keys are per user and hold for a day."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from jobs import conf
from jobs.domain.errors import TallyError
from jobs.models import IdempotencyKey, Job


class IdempotencyConflict(TallyError):
    code = "idempotency_conflict"

    def __init__(self, key: str) -> None:
        super().__init__(f"The idempotency key {key!r} was used before, for another request. Use a new key.")


def hash_of(job: Job) -> str:
    """What two requests under one key must share; compared as JSON values, so order and spacing don't matter."""
    if job.request_hash:
        return job.request_hash
    same = [job.task, job.queue, job.args, job.payload, job.max_retries, job.tags, job.correlation_id]
    return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()


def settle(jobs: Sequence[Job], *, scope: str, now: datetime, using: str) -> list[Job]:
    """Replace every job whose key is taken by the job that took it. Call inside the inserting transaction."""
    keyed = {job.idempotency_key: job for job in jobs if job.idempotency_key}
    if not keyed:
        return list(jobs)
    taken = _claim(keyed, scope=scope, now=now, using=using)
    winners = {job.id: job for job in jobs}
    firsts = Job.objects.using(using).in_bulk([row.job_id for row in taken.values() if row.job_id not in winners])
    settled = []
    for job in jobs:
        row = taken.get(job.idempotency_key)
        if row is not None and row.job_id not in winners and row.job_id not in firsts:
            _take_over(row, job, now=now, using=using)
        if row is None or row.job_id == job.id:
            settled.append(job)
            continue
        if row.request_hash != hash_of(job):
            raise IdempotencyConflict(job.idempotency_key)
        first = firsts.get(row.job_id) or winners[row.job_id]
        if first is not winners.get(row.job_id):
            first.replayed = True
        settled.append(first)
    return settled


def _claim(keyed: dict[str, Job], *, scope: str, now: datetime, using: str) -> dict[str, IdempotencyKey]:
    rows = IdempotencyKey.objects.using(using)
    window = now - timedelta(seconds=conf.current().IDEMPOTENCY_KEPT_SECONDS)
    rows.filter(scope=scope, key__in=keyed, created_at__lt=window).delete()
    rows.bulk_create(
        [
            IdempotencyKey(scope=scope, key=key, request_hash=hash_of(job), job_id=job.id, created_at=now)
            for key, job in sorted(keyed.items())
        ],
        ignore_conflicts=True,
    )
    found = rows.select_for_update().filter(scope=scope, key__in=keyed).order_by("key")
    return {row.key: row for row in found}


def _take_over(row: IdempotencyKey, job: Job, *, now: datetime, using: str) -> None:
    """The key's job is gone, pruned or deleted: nobody could be answered with it."""
    row.job_id, row.request_hash, row.created_at = job.id, hash_of(job), now
    row.save(using=using, update_fields=["job_id", "request_hash", "created_at"])
