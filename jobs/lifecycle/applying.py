"""Applies one journal entry to a job and its attempt, in memory. Any order and any repetition ends in the same rows."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import assert_never

from jobs.domain.journal import Ended, Executor, Failure, Late, Progressed, Started, Withdrawn
from jobs.domain.lifecycle import Standing, move_on
from jobs.domain.retry import Next
from jobs.domain.states import FINAL, Event, Outcome, State
from jobs.models import Attempt, Job, making
from jobs.signals import Buried

JobEntry = Started | Ended | Late | Withdrawn | Progressed

OPEN = ("", Outcome.RUNNING)


@dataclass(slots=True)
class Case:
    """One job with the attempts that a batch speaks of, and what came of it."""

    job: Job
    attempts: dict[int, Attempt] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)
    moved: list[tuple[Event, datetime]] = field(default_factory=list)
    started: list[Attempt] = field(default_factory=list)
    waited: list[Attempt] = field(default_factory=list)
    closed: list[Attempt] = field(default_factory=list)
    rescued: list[Attempt] = field(default_factory=list)
    buried: Buried | None = None

    def is_closed(self, number: int) -> bool:
        known = self.attempts.get(number)
        return known is not None and known.outcome not in OPEN

    def attempt(self, number: int) -> Attempt:
        self.touched.add(number)
        if number not in self.attempts:
            self.attempts[number] = making.new(Attempt, {"job_id": self.job.id, "number": number}, job=self.job)
        return self.attempts[number]


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def apply(case: Case, entry: JobEntry) -> None:
    match entry:
        case Started():
            _apply_started(case, entry)
        case Ended():
            _apply_ended(case, entry)
        case Late():
            case.attempt(entry.attempt).late_outcome = entry.outcome
        case Withdrawn():
            _move(case, entry.event, entry.attempt, moment(entry.at_ms))
        case Progressed():
            _apply_progress(case.job, entry)
        case _:
            assert_never(entry)


def _apply_started(case: Case, entry: Started) -> None:
    attempt = case.attempt(entry.attempt)
    _note_start(case, attempt, entry.by, entry.at_ms, entry.queued_ms)
    _move(case, Event.STARTED, entry.attempt, moment(entry.at_ms))
    _raise_attempt(case, attempt)
    if attempt.outcome == "" and entry.attempt == case.job.attempt:
        attempt.outcome = Outcome.RUNNING


def _apply_ended(case: Case, entry: Ended) -> None:
    attempt = case.attempt(entry.attempt)
    _note_start(case, attempt, entry.by, entry.started_ms or entry.at_ms, entry.queued_ms)
    if attempt.outcome not in OPEN:
        if attempt.outcome != entry.outcome:
            attempt.late_outcome = entry.outcome
        return
    moved = _move(case, entry.event, entry.attempt, moment(entry.at_ms))
    _raise_attempt(case, attempt)
    _close(attempt, entry)
    case.closed.append(attempt)
    if entry.rescued:
        case.rescued.append(attempt)
    _summarise(case.job, attempt, entry)
    if moved and entry.event is Event.BURIED and entry.verdict.reason:
        case.buried = Buried(case.job, entry.verdict.reason, entry.failure, moment(entry.at_ms))


def _move(case: Case, event: Event, attempt: int, at: datetime) -> bool:
    job = case.job
    target = move_on(Standing(State(job.state), job.attempt, job.closed), event, attempt)
    if target is None:
        return False
    job.state = target
    job.finished_at = at if target in FINAL else None
    case.moved.append((event, at))
    return True


def _raise_attempt(case: Case, attempt: Attempt) -> None:
    """Make this the job's latest attempt if it is; an older one that seemed to run has an outcome on its way."""
    if attempt.number <= case.job.attempt:
        return
    case.job.attempt = attempt.number
    case.job.started_at = attempt.started_at
    case.job.progress_percent, case.job.progress_message = None, ""
    for number, older in case.attempts.items():
        if number < attempt.number and older.outcome == Outcome.RUNNING:
            older.outcome = ""
            case.touched.add(number)


def _note_start(case: Case, attempt: Attempt, by: Executor, started_ms: int, queued_ms: int | None) -> None:
    if attempt.started_at is None:
        attempt.started_at = moment(started_ms)
        attempt.worker, attempt.incarnation, attempt.pid, attempt.beat = by.worker, by.incarnation, by.pid, by.beat
        case.started.append(attempt)
    if attempt.wait_seconds is None and queued_ms is not None:
        attempt.wait_seconds = max(0.0, (started_ms - queued_ms) / 1000)
        case.waited.append(attempt)


def _close(attempt: Attempt, entry: Ended) -> None:
    attempt.outcome = entry.outcome
    attempt.finished_at = moment(entry.at_ms)
    attempt.run_seconds = entry.run_seconds
    if attempt.run_seconds is None and entry.started_ms is not None:
        attempt.run_seconds = max(0.0, (entry.at_ms - entry.started_ms) / 1000)
    failure = entry.failure
    attempt.error_type, attempt.error = failure.type[:255], failure.message
    attempt.traceback, attempt.causes, attempt.log = failure.traceback, list(failure.causes), entry.log
    if entry.verdict.next is Next.RETRY:
        attempt.retry_at = attempt.finished_at + timedelta(seconds=entry.verdict.wait_seconds)


def _summarise(job: Job, attempt: Attempt, entry: Ended) -> None:
    """Let the job show its latest outcome, and have used the budget that this one left."""
    if attempt.retry_at is not None:
        known = None if attempt.number > job.closed else job.run_at  # a later attempt may have said more
        job.run_at = max(known or attempt.retry_at, attempt.retry_at)
    if attempt.number <= job.closed:
        return
    job.closed = attempt.number
    budget = entry.verdict.budget
    job.failures, job.losses, job.unknowns = budget.failures, budget.losses, budget.unknowns
    job.error_type, job.error = attempt.error_type, first_line(entry.failure)
    if entry.verdict.next is Next.SUCCEED:
        job.result = entry.result
        job.progress_percent = 100.0 if job.progress_percent is not None else None


def _apply_progress(job: Job, entry: Progressed) -> None:
    if entry.attempt < job.attempt or entry.attempt <= job.closed or job.state in FINAL:
        return
    job.progress_percent, job.progress_message = entry.percent, entry.message[:255]


def first_line(failure: Failure) -> str:
    return failure.message.strip().split("\n", 1)[0][:1000] or failure.type
