"""Applies a batch of journal entries to SQL in one transaction, whatever their order, however often they come."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import router, transaction
from django.db.models import Q

from jobs import signals
from jobs.domain.actors import KEEPER
from jobs.domain.journal import Ended, Started, Withdrawn
from jobs.domain.states import Outcome
from jobs.lifecycle import applying, rollups, rows
from jobs.lifecycle.applying import Case, JobEntry
from jobs.models import Action, Attempt, Job


@dataclass(slots=True)
class Recorded:
    """What a batch did: the jobs it touched, the claims that are over for good, and entries no row stands behind."""

    cases: list[Case] = field(default_factory=list)
    over: list[tuple[object, int]] = field(default_factory=list)
    orphans: list[JobEntry] = field(default_factory=list)


def database() -> str:
    return router.db_for_write(Job)


def record(entries: Sequence[JobEntry]) -> Recorded:
    """Lock the jobs in id order, apply, write, count, and let others follow and bury, all or nothing."""
    using = database()
    with transaction.atomic(using=using):
        cases = _load(entries, using=using)
        recorded = Recorded(cases=list(cases.values()))
        for entry in entries:
            if isinstance(entry, Ended | Withdrawn):
                recorded.over.append((entry.job_id, entry.attempt))
            case = cases.get(entry.job_id)
            if case is None:
                recorded.orphans.append(entry)
                continue
            if isinstance(entry, Started) and case.is_closed(entry.attempt):
                recorded.over.append(
                    (entry.job_id, entry.attempt)
                )  # a Redis restored from an older state says it again
            applying.apply(case, entry)
        _write(recorded.cases, using=using)
    return recorded


def _load(entries: Sequence[JobEntry], *, using: str) -> dict[str, Case]:
    ids = {entry.job_id for entry in entries}
    cases = {str(job.id): Case(job) for job in rows.lock_jobs(ids, using=using)}
    spoken_of = Q(number__in={entry.attempt for entry in entries}) | Q(outcome=Outcome.RUNNING)
    known = Attempt.objects.using(using).filter(spoken_of, job_id__in=ids)
    for attempt in known:
        case = cases[str(attempt.job_id)]
        attempt.job = case.job
        case.attempts[attempt.number] = attempt
    return cases


def _write(cases: list[Case], *, using: str) -> None:
    rows.write_jobs((case.job for case in cases), using=using)
    rows.write_attempts((case.attempts[n] for case in cases for n in case.touched), using=using)
    buried = [case.buried for case in cases if case.buried is not None]
    if buried:
        rows.complete_jobs([one.job for one in buried], using=using)
        signals.jobs_buried.send(sender=Job, burials=buried)
    ended = [c.job for c in cases if c.moved and c.job.is_final and (c.job.follows or c.job.group_id)]
    if ended:
        signals.jobs_ended.send(sender=Job, jobs=ended)
    rescues = [_rescue(attempt) for case in cases for attempt in case.rescued]
    Action.objects.using(using).bulk_create(rescues, batch_size=500)
    rollups.add(rollups.count(cases), using=using)


def _rescue(attempt: Attempt) -> Action:
    """What the keeper did, in the transaction that records it: once, however often the journal says so."""
    return Action(
        actor=KEEPER.name,
        verb="rescue",
        object=f"job:{attempt.job_id}",
        reason=attempt.error[:500],
        before={"attempt": attempt.number, "outcome": Outcome.RUNNING, "worker": attempt.worker, "pid": attempt.pid},
        after={"attempt": attempt.number, "outcome": attempt.outcome, "state": attempt.job.state},
    )
