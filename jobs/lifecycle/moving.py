"""The moves that SQL decides: falling due, being published again, being requeued. Each is guarded by the state it leaves."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from jobs import signals
from jobs.domain.lifecycle import TABLE
from jobs.domain.states import Event, State
from jobs.lifecycle import rollups
from jobs.lifecycle.recording import database
from jobs.models import Job
from jobs.models.job import JobQuerySet
from jobs.signals import Buried

# What a requeued job starts with.
_FRESH: dict[str, Any] = {
    "state": TABLE[(State.DEAD, Event.REQUEUED)],
    "finished_at": None,
    "failures": 0,
    "losses": 0,
    "unknowns": 0,
    "cancel_requested_at": None,
    "cancel_requested_by": "",
    "cancel_reason": "",
}


def initial_state(*, run_at: datetime | None, now: datetime) -> State:
    return State.SCHEDULED if run_at is not None and run_at > now else State.QUEUED


def make_due(*, now: datetime, limit: int) -> list[Job]:
    """Queue what has fallen due, oldest first. The caller publishes the jobs it gets."""
    using = database()
    if not _jobs(using).due(now).exists():  # as nearly always: a transaction would take SQLite's one lock
        return []
    with transaction.atomic(using=using):
        due = list(skip_locked(_jobs(using).due(now).order_by("run_at"))[:limit])
        _stamp(due, state=State.QUEUED, queued_at=now, published_at=now, using=using)
    return due


def stamp_published(jobs: Sequence[Job], *, now: datetime) -> list[Job]:
    """Note that these are published again; returns those that are still queued."""
    using = database()
    with transaction.atomic(using=using):
        still = list(_jobs(using).select_for_update().queued().filter(id__in=[j.id for j in jobs]).order_by("id"))
        _stamp(still, published_at=now, using=using)
    order = {job.id: place for place, job in enumerate(jobs)}
    return sorted(still, key=lambda job: order[job.id])


def requeue(jobs: Sequence[Job], *, now: datetime, payloads: Mapping[UUID, dict[str, Any]] | None = None) -> list[Job]:
    """Give dead jobs their full budget again and queue them, some with another payload.

    Returns those that were dead still, in id order; the caller publishes them after the commit.
    """
    using = database()
    with transaction.atomic(using=using):
        ids = [job.id for job in jobs]
        dead = list(_jobs(using).select_for_update().filter(id__in=ids, state=State.DEAD).order_by("id"))
        _stamp(dead, using=using, queued_at=now, published_at=now, **_FRESH)
        _drop_past_expiry([job for job in dead if job.expires_at is not None and job.expires_at <= now], using=using)
        for job in dead:
            if payloads and job.id in payloads:
                _stamp([job], using=using, payload=payloads[job.id])
        rollups.add(rollups.count_moves(dead, Event.REQUEUED, at=now), using=using)
    return dead


def _drop_past_expiry(jobs: list[Job], *, using: str) -> None:
    """Who requeues a job wants it to run."""
    if jobs:
        _stamp(jobs, using=using, expires_at=None)


def bury_at_birth(burials: Sequence[Buried], *, using: str) -> None:
    """For rows that were dead when they were inserted: the death is counted and gets its letter like any other."""
    tallies: dict[rollups.Key, rollups.Tally] = {}
    for buried in burials:
        for key, tally in rollups.count_moves([buried.job], Event.BURIED, at=buried.at).items():
            tallies.setdefault(key, rollups.Tally()).counts.update(tally.counts)
    rollups.add(tallies, using=using)
    if burials:
        signals.jobs_buried.send(sender=Job, burials=list(burials))


def skip_locked(jobs: JobQuerySet) -> JobQuerySet:
    """Leave alone what another keeper is working on, where the database can tell."""
    features = connections[jobs.db].features
    return jobs.select_for_update(skip_locked=features.has_select_for_update_skip_locked)


def _jobs(using: str) -> JobQuerySet:
    return Job.objects.using(using)


def _stamp(jobs: list[Job], *, using: str, **values: object) -> None:
    for job in jobs:
        for name, value in values.items():
            setattr(job, name, value)
    _jobs(using).filter(id__in=[job.id for job in jobs]).update(**values)
