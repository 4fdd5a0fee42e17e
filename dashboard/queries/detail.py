"""One job with everything that is known about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dashboard.queries import elsewhere, related, waiting, waterfall, workers
from dashboard.queries.waiting import Reason
from dashboard.queries.waterfall import Waterfall
from dlq.models import DeadLetter
from jobs.api import queries
from jobs.broker.heartbeats import Beat
from jobs.control.cancelling import JobUnknown
from jobs.domain.actors import Actor
from jobs.domain.states import FINAL, WAITING, State
from jobs.intake import registry
from jobs.intake.registry import TaskSpec
from jobs.models import Action, Attempt, Job

RECENT_RUNS = 50
ATTEMPTS_SHOWN = 50
_SECRET = ("args", "payload", "result", "error", "options", "follows", "traceback", "log", "causes")
_SHOWN_ABOVE = ("id", "job_id", "traceback", "log", "causes")


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
    raw: dict[str, Any]
    zoomed: int | None

    @property
    def told(self) -> list[tuple[Attempt, list[tuple[str, str]]]]:
        """Each attempt, newest first, with the links to where else it is told of."""
        return [(attempt, elsewhere.links(self.job, attempt)) for attempt in reversed(self.attempts)]

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


def read(
    job_id: UUID, *, actor: Actor, sample: dict[str, Any] | None, now: datetime, zoomed: int | None = None
) -> Detail:
    """`zoomed`: the attempt that the time axis is to show alone."""
    actor.require("jobs.view_job")
    job = Job.objects.filter(id=job_id).first()
    if job is None:
        raise JobUnknown(job_id)
    newest = Attempt.objects.filter(job=job).defer("causes").order_by("-number")[:ATTEMPTS_SHOWN]
    attempts = list(reversed(newest))
    live = workers.live_or_none()
    letters = list(DeadLetter.objects.filter(job=job).select_related("group").defer("traceback").order_by("-id")[:10])
    latest = attempts[-1] if attempts else None
    zoomed = zoomed if zoomed in {attempt.number for attempt in attempts} else None
    return Detail(
        job=job,
        attempts=attempts,
        max_attempts=queries.max_attempts(job),
        spec=registry.find(job.task),
        waterfall=waterfall.draw(job, attempts, now=now, only=zoomed),
        reasons=waiting.explain(job, sample=sample, workers=live, now=now) if job.state in WAITING else [],
        letters=letters,
        actions=_actions(job) if actor.may("jobs.view_action") else [],
        related=related.find(job, group=letters[0].group_id if letters else None),
        runs=_runs(job.task),
        beat=next((b for b in live or [] if latest and b.incarnation == latest.incarnation), None),
        raw=_raw(job, attempts, actor=actor),
        zoomed=zoomed,
    )


def _actions(job: Job) -> list[Action]:
    return list(Action.objects.filter(object=f"job:{job.id}").order_by("-id")[:50])


def _raw(job: Job, attempts: list[Attempt], *, actor: Actor) -> dict[str, Any]:
    """The rows as they are, without what the actor may not see."""
    hidden = () if actor.may("jobs.view_payload") else _SECRET
    names = [field.attname for field in Job._meta.concrete_fields if field.attname not in hidden]
    of_attempt = [f.attname for f in Attempt._meta.concrete_fields if f.attname not in (*hidden, *_SHOWN_ABOVE)]
    rows = [{name: getattr(attempt, name) for name in of_attempt} for attempt in attempts]
    return {**{name: getattr(job, name) for name in names}, "attempts": rows}


def _runs(task: str) -> list[Run]:
    recent = Job.objects.filter(task=task).only("id", "state", "started_at", "finished_at", "task").order_by("-id")
    timed = [
        (job, (job.finished_at - job.started_at).total_seconds())
        for job in recent[:RECENT_RUNS]
        if job.finished_at and job.started_at and job.state in (State.SUCCEEDED, State.DEAD)
    ]
    longest = max((seconds for _, seconds in timed), default=0.0) or 1.0
    return [Run(job, seconds, max(4.0, round(100 * seconds / longest, 1))) for job, seconds in reversed(timed)]
