"""The processes: that a keeper leads and keeps up, and that somebody serves every queue."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from jobs import conf
from jobs.broker import connections, heartbeats, journal, leases
from jobs.broker.heartbeats import Beat
from jobs.doctor.findings import Finding, Level, examination
from jobs.keeper import leader, sampler
from jobs.models import Queue

_SILENT_AFTER = timedelta(seconds=5)
LAG_TOLERATED_SECONDS = 30.0


@examination("keeper", "A keeper leads.", needs="redis")
def silent_keeper() -> Iterator[Finding]:
    client = connections.patient()
    holder = leases.holder_of(client, leader.LEASE)
    sample = sampler.read_sample(client)
    at = datetime.fromisoformat(sample["at"]) if sample else None
    if holder is None:
        yield Finding(
            what="No keeper holds the lease." + (f" The last sample is of {at:%H:%M:%S} UTC." if at else ""),
            why="Jobs run, but what they did is not recorded, retries and delayed jobs wait, and nobody rescues the jobs of "
            "a worker that died.",
            remedy="Start `manage.py keeper`, at least one, under something that starts it again.",
        )
    elif at is None or timezone.now() - at > _SILENT_AFTER:
        yield Finding(
            what=f"A keeper holds the lease, but took no sample since {f'{at:%H:%M:%S} UTC' if at else 'it began'}.",
            why="It may be stuck, or it can't reach the database: retries, delayed jobs and rescues wait.",
            remedy="Look at its log. A keeper that just started needs a second; one that hangs may be killed at any time.",
        )


@examination("journal", "The journal is recorded as it is written.", needs="redis")
def lagging_journal() -> Iterator[Finding]:
    lag = journal.lag_seconds(connections.patient())
    if lag > LAG_TOLERATED_SECONDS:
        yield Finding(
            what=f"The oldest journal entry has not been recorded for {lag:.0f} s.",
            why="Pages and the API show what was so then, and republishing is suspended meanwhile.",
            remedy="See whether a keeper runs and the database keeps up; several keepers share the journal.",
        )


@examination("workers", "Every queue has a worker.", needs="redis")
def unserved_queues() -> Iterator[Finding]:
    paused = _paused()
    beats = _live()
    for name in conf.current().QUEUES:
        if name in paused or any(name in beat.queues for beat in beats):
            continue
        yield Finding(
            what=f"No worker serves the queue {name}.",
            why="Its jobs wait until one does.",
            remedy=f"Start one: celery -A taskqueue_project worker -Q {name}",
        )


@examination("paused", "No queue is paused.", needs="database")
def paused_queues() -> Iterator[Finding]:
    for queue in _paused().values():
        reason = f" ({queue.paused_reason})" if queue.paused_reason else ""
        yield Finding(
            what=f"The queue {queue.name} is paused by {queue.paused_by} since {queue.paused_at:%Y-%m-%d %H:%M} UTC{reason}.",
            why="Its jobs wait until it is resumed.",
            remedy=f"When that is over: manage.py queues resume {queue.name}",
            level=Level.NOTE,
        )


@examination("versions", "All workers run the same version.", needs="redis")
def mixed_versions() -> Iterator[Finding]:
    versions = sorted({beat.version for beat in _live()})
    if len(versions) > 1:
        yield Finding(
            what=f"Workers of several versions live: {', '.join(versions)}.",
            why="That is how a rolling deploy looks. Tasks that only the newer know are put off by the older.",
            remedy="If no deploy is under way, restart the older: `manage.py workers` names them.",
            level=Level.NOTE,
        )


def _live() -> list[Beat]:
    return heartbeats.live(connections.patient(), within_seconds=conf.current().RESCUE_AFTER_SECONDS)


def _paused() -> dict[str, Queue]:
    return {queue.name: queue for queue in Queue.objects.filter(paused_at__isnull=False).order_by("name")}
