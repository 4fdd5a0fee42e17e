"""What the rows of a job and its attempts owe each other. Each rule is one statement that selects its offenders."""

from collections.abc import Iterator

from django.db.models import Count, Exists, F, IntegerField, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from jobs.domain.states import FINAL, Outcome, State
from jobs.models import Attempt, Job
from jobs.verification.findings import Finding, check

CHUNK = 500
_FINAL = sorted(FINAL)
_OPEN = ["", Outcome.RUNNING]


def _about(name: str, jobs: "QuerySet[Job]", problem: str) -> Iterator[Finding]:
    """`problem` may name any column of the job."""
    for row in jobs.order_by("id").values().iterator(chunk_size=CHUNK):
        yield Finding(name, f"job:{row['id']}", problem.format(**row))


def _attempts(**conditions: object) -> "QuerySet[Attempt]":
    return Attempt.objects.filter(job=OuterRef("pk"), **conditions)


def _number(attempts: "QuerySet[Attempt]", aggregate: Count | Max) -> Coalesce:
    counted = attempts.order_by().values("job").annotate(found=aggregate).values("found")
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))


@check("state_known", "A job is in one of the eight states.")
def unknown_states() -> Iterator[Finding]:
    known = [state.value for state in State]
    return _about("state_known", Job.objects.exclude(state__in=known), "is in the state {state!r}, which there is not")


@check("finished_iff_final", "A job has finished_at exactly when it is final.")
def finished_but_not_final() -> Iterator[Finding]:
    name = "finished_iff_final"
    yield from _about(
        name, Job.objects.filter(state__in=_FINAL, finished_at__isnull=True), "is {state} but has no finished_at"
    )
    yield from _about(
        name,
        Job.objects.exclude(state__in=_FINAL).filter(finished_at__isnull=False),
        "is {state} but has a finished_at ({finished_at})",
    )


@check("waiting_has_stamps", "A waiting job says what it waits for.")
def waiting_without_stamps() -> Iterator[Finding]:
    name = "waiting_has_stamps"
    without_date = Job.objects.filter(state__in=[State.SCHEDULED, State.RETRYING], run_at__isnull=True)
    yield from _about(name, without_date, "is {state} without a run_at")
    without_stamp = Job.objects.queued().filter(Q(queued_at__isnull=True) | Q(published_at__isnull=True))
    yield from _about(name, without_stamp, "is queued without queued_at or published_at")


@check("attempts_contiguous", "The attempts of a job are numbered 1, 2, 3 … up to the one the job names.")
def gaps_between_attempts() -> Iterator[Finding]:
    counted = Job.objects.annotate(
        rows=_number(_attempts(), Count("pk")), highest=_number(_attempts(), Max("number"))
    ).exclude(rows=F("attempt"), highest=F("attempt"))
    problem = "has {rows} attempts, the highest is number {highest}, but it says that attempt {attempt} was its latest"
    return _about("attempts_contiguous", counted, problem)


@check("closed_is_the_latest_outcome", "A job knows its latest attempt that has an outcome.")
def wrongly_closed() -> Iterator[Finding]:
    closed = Attempt.objects.filter(job=OuterRef("pk")).exclude(outcome__in=_OPEN)
    wrong = Job.objects.annotate(ended=_number(closed, Max("number"))).exclude(ended=F("closed"))
    return _about(
        "closed_is_the_latest_outcome", wrong, "says that attempt {closed} has its latest outcome; the rows say {ended}"
    )


@check("one_running_attempt", "A job runs exactly when its latest attempt does, and no other attempt of it runs.")
def running_without_attempt() -> Iterator[Finding]:
    name = "one_running_attempt"
    latest = Exists(_attempts(number=OuterRef("attempt"), outcome=Outcome.RUNNING))
    yield from _about(name, Job.objects.running().exclude(latest), "is running, but attempt {attempt} is not")
    running = _number(_attempts(outcome=Outcome.RUNNING), Count("pk"))
    several = Job.objects.annotate(live=running).filter(live__gt=1)
    yield from _about(name, several, "has {live} running attempts")
    stray = Job.objects.exclude(state=State.RUNNING).filter(Exists(_attempts(outcome=Outcome.RUNNING)))
    yield from _about(name, stray, "is {state}, but has a running attempt")


@check("one_success", "A job succeeded exactly when its latest attempt did, and no other attempt of it succeeded.")
def success_without_attempt() -> Iterator[Finding]:
    name = "one_success"
    latest = Exists(_attempts(number=OuterRef("attempt"), outcome=Outcome.SUCCEEDED))
    succeeded = Job.objects.filter(state=State.SUCCEEDED)
    yield from _about(name, succeeded.exclude(latest), "succeeded, but its attempt {attempt} did not")
    successes = _number(_attempts(outcome=Outcome.SUCCEEDED), Count("pk"))
    several = Job.objects.annotate(successes=successes).filter(successes__gt=1)
    yield from _about(name, several, "has {successes} attempts that succeeded")
    stray = Job.objects.exclude(state=State.SUCCEEDED).filter(Exists(_attempts(outcome=Outcome.SUCCEEDED)))
    yield from _about(name, stray, "is {state}, but an attempt of it succeeded")


@check("attempts_have_ends", "An attempt has finished_at exactly when it has an outcome, and every one has a start.")
def odd_attempts() -> Iterator[Finding]:
    no_end = ~Q(outcome__in=_OPEN) & Q(finished_at__isnull=True)
    too_early = Q(outcome__in=_OPEN, finished_at__isnull=False)
    unknown = ~Q(outcome__in=["", *(outcome.value for outcome in Outcome)])
    superseded = Q(outcome="", number__lt=F("job__attempt"))
    odd = Attempt.objects.filter(no_end | too_early | unknown | superseded | Q(started_at__isnull=True))
    columns = ("job_id", "number", "outcome", "started_at", "finished_at")
    for row in odd.order_by("job_id", "number").values(*columns).iterator(chunk_size=CHUNK):
        problem = "attempt {number} has the outcome {outcome!r}, started_at {started_at}, finished_at {finished_at}"
        yield Finding("attempts_have_ends", f"job:{row['job_id']}", problem.format(**row))


@check("budget_within_attempts", "Failures, losses and unknowns were each an attempt.")
def budgets_beyond_attempts() -> Iterator[Finding]:
    spent = F("failures") + F("losses") + F("unknowns")
    over = Job.objects.annotate(spent=spent).filter(spent__gt=F("attempt"))
    return _about(
        "budget_within_attempts",
        over,
        "has used up {failures} failures, {losses} losses and {unknowns} unknowns in {attempt} attempts",
    )
