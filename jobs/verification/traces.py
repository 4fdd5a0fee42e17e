"""What Redis holds for the keeper: a journal that is read, a quarantine that is empty, claims that run out, a true mirror."""

from collections.abc import Iterator
from itertools import islice
from typing import cast
from uuid import UUID

import redis

from jobs import conf
from jobs.broker import claims, connections, journal, mirror
from jobs.models import Job, Queue
from jobs.verification.findings import Finding, check

CHUNK = 500
_Lines = list[tuple[str, dict[str, str]]]
_NOBODY_RECORDED = -1  # what TTL answers for a key without an expiry


@check("journal_is_read", "What workers report is recorded within seconds.", settles=True)
def journal_lag() -> Iterator[Finding]:
    lag = journal.lag_seconds(connections.patient())
    if lag > conf.current().REPUBLISH_GRACE_SECONDS:
        yield Finding(
            "journal_is_read", "journal:entries", f"its oldest entry waits for {lag:.0f} s: does a keeper run?"
        )


@check("quarantine_is_empty", "Every report could be recorded as it was.")
def quarantined() -> Iterator[Finding]:
    client, last = connections.patient(), "-"
    while lines := cast("_Lines", client.xrange(journal.quarantine_key(), min=last, count=CHUNK)):
        for id_, fields in lines:
            problem = f"entry {fields.get('entry', id_)} ({fields.get('k', '?')}) is in the quarantine: {fields.get('problem')}"
            yield Finding("quarantine_is_empty", f"job:{fields.get('j', 'unknown')}", problem)
        last = f"({lines[-1][0]}"


@check("claims_run_out", "The claim of a recorded attempt has an expiry, so that Redis does not fill up.", settles=True)
def lasting_claims() -> Iterator[Finding]:
    client = connections.patient()
    keys = client.scan_iter(match=claims.claim_key("*", 0)[:-1] + "*", count=1000)
    while chunk := list(islice(keys, CHUNK)):
        lasting = [_attempt_of(key) for key in _without_expiry(client, chunk)]
        standing = dict(Job.objects.filter(id__in=[id_ for id_, _ in lasting]).values_list("id", "closed"))
        for job_id, number in lasting:
            if number <= standing.get(job_id, number):
                problem = f"the claim of attempt {number} never runs out although its outcome is recorded"
                yield Finding("claims_run_out", f"job:{job_id}", problem)


def _without_expiry(client: redis.Redis, keys: list[str]) -> list[str]:
    with client.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.ttl(key)
        return [key for key, seconds in zip(keys, pipeline.execute(), strict=True) if seconds == _NOBODY_RECORDED]


def _attempt_of(key: str) -> tuple[UUID, int]:
    *_, job_id, number = key.split(":")
    return UUID(job_id), int(number)


@check("mirror_is_true", "Workers see the same queues paused as SQL does.", settles=True)
def wrong_mirror() -> Iterator[Finding]:
    paused = set(Queue.objects.filter(paused_at__isnull=False).values_list("name", flat=True))
    mirrored = mirror.read_paused(cast("str | None", connections.patient().get(mirror.paused_key())))
    for name in sorted(paused ^ (mirrored or set())):
        problem = "is paused in SQL, but not in Redis" if name in paused else "is paused in Redis, but not in SQL"
        yield Finding("mirror_is_true", f"queue:{name}", problem)
