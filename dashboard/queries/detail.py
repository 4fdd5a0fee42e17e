"""One job with everything that is known about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from dashboard.queries import waiting, waterfall, workers
from dashboard.queries.waiting import Reason
from dashboard.queries.waterfall import Waterfall
from dlq.models import DeadLetter
from jobs.api import queries
from jobs.broker.heartbeats import Beat
from jobs.domain.actors import Actor
from jobs.domain.states import FINAL, WAITING, State
from jobs.intake import registry
from jobs.intake.registry import TaskSpec
from jobs.models import Action, Attempt, Job

RECENT_RUNS = 50


@dataclass(frozen=True, slots=True)
class Run:
    """One bar in the history of a task: `height` in hundredths of the longest."""

    job: Job
    seconds: float
    height: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the job's story: who did what, when, and why."""

    at: datetime
    who: str
    did: str
    before: str = ""
    after: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    job: Job
    attempts: list[Attempt]
    max_attempts: int | None
    spec: TaskSpec | None
    waterfall: Waterfall
    reasons: list[Reason]
    letters: list[DeadLetter]
    actions: list[Action]
    related: list[tuple[str, list[Job]]]
    runs: list[Run]
    beat: Beat | None

    @property
    def latest_attempt(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def trail(self) -> list[Entry]:
        """Its submission, its attempts, and what people and the keeper did to it, in order."""
        entries = [Entry(self.job.created_at, self.job.submitted_by or "code", f"submitted it by {self.job.source}")]
        for attempt in self.attempts:
            if attempt.started_at:
                entries.append(Entry(attempt.started_at, attempt.worker, f"started attempt {attempt.number}"))
            if attempt.finished_at:
                entries.append(Entry(attempt.finished_at, f"attempt {attempt.number}", str(attempt.outcome)))
        for action in self.actions:
            before, after = (str((said or {}).get("state", "")) for said in (action.before, action.after))
            entries.append(Entry(action.at, action.actor, action.verb, before, after, action.reason))
        return sorted(entries, key=lambda entry: entry.at)

    @property
    def letter(self) -> DeadLetter | None:
        return self.letters[0] if self.letters else None

    @property
    def is_cancellable(self) -> bool:
        return self.job.state not in FINAL and self.job.cancel_requested_at is None


def read(job_id: UUID, *, actor: Actor, sample: dict[str, Any] | None, now: datetime) -> Detail:
    job = queries.job(job_id, actor=actor)
    attempts = list(job.attempts.all())
    live = workers.live_or_none()
    letters = list(DeadLetter.objects.filter(job=job).select_related("group").defer("traceback").order_by("-id")[:10])
    latest = attempts[-1] if attempts else None
    return Detail(
        job=job,
        attempts=attempts,
        max_attempts=queries.max_attempts(job),
        spec=registry.find(job.task),
        waterfall=waterfall.draw(job, attempts, now=now),
        reasons=waiting.explain(job, sample=sample, workers=live, now=now) if job.state in WAITING else [],
        letters=letters,
        actions=_actions(job) if actor.may("jobs.view_action") else [],
        related=_related(job),
        runs=_runs(job.task),
        beat=next((b for b in live or [] if latest and b.incarnation == latest.incarnation), None),
    )


def _actions(job: Job) -> list[Action]:
    return list(Action.objects.filter(object=f"job:{job.id}").order_by("-id")[:50])


def _related(job: Job) -> list[tuple[str, list[Job]]]:
    """Parent, what came before it, children, and those that share its correlation id."""
    jobs = Job.objects.only("id", "task", "queue", "state", "created_at", "parent_id", "root_id", "correlation_id")
    up = {id_ for id_ in (job.parent_id, job.root_id) if id_ is not None}
    asked = Q(id__in=up) | Q(parent_id=job.id)
    found = list(jobs.filter(asked).exclude(id=job.id).order_by("id")[:40])
    same = []
    if job.correlation_id:
        same = list(jobs.filter(correlation_id=job.correlation_id).exclude(id=job.id).order_by("-id")[:20])
    groups = [
        ("Submitted by", [one for one in found if one.id in up]),
        ("Followed by", [one for one in found if one.id not in up]),
        (f"Same correlation id ({job.correlation_id})", same),
    ]
    return [(title, members) for title, members in groups if members]


def _runs(task: str) -> list[Run]:
    recent = Job.objects.filter(task=task).only("id", "state", "started_at", "finished_at", "task").order_by("-id")
    timed = [
        (job, (job.finished_at - job.started_at).total_seconds())
        for job in recent[:RECENT_RUNS]
        if job.finished_at and job.started_at and job.state in (State.SUCCEEDED, State.DEAD)
    ]
    longest = max((seconds for _, seconds in timed), default=0.0) or 1.0
    return [Run(job, seconds, max(4.0, round(100 * seconds / longest, 1))) for job, seconds in reversed(timed)]
