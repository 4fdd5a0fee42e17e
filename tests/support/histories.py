"""Hypothesis strategies: the legal journal of one job, in the order in which it was written, and any mixture of it."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from jobs.domain import retry
from jobs.domain.journal import Ended, Executor, Failure, Late, Started, Withdrawn
from jobs.domain.retry import Budget, Jitter, Next, RetryPolicy, Verdict
from jobs.domain.states import Event, Outcome
from jobs.lifecycle.applying import JobEntry

JOB_ID = "0192f000-0000-7000-8000-000000000001"
BEGAN_MS = 1_760_000_000_000
POLICY = RetryPolicy(max_retries=2, jitter=Jitter.NONE)
OUTCOMES = [o for o in Outcome if o is not Outcome.RUNNING]


@dataclass(frozen=True)
class Mixture:
    """One history as it was written, and the same entries in any order, some of them several times."""

    written: list[JobEntry]
    arrived: list[JobEntry]


@st.composite
def histories(draw: st.DrawFn, *, job_id: str = JOB_ID, first: int = 1, most: int = 5) -> list[JobEntry]:
    """Attempts until one ends the job, is still running, or the next is withdrawn."""
    budget, clock = Budget(), BEGAN_MS + first * 3_600_000
    entries: list[JobEntry] = []
    for number in range(first, first + most):
        clock += draw(st.integers(1, 200_000))
        fate = draw(st.sampled_from(["run"] * 7 + ["withdraw", "hang", "unknown"]))
        if fate == "withdraw":
            event = draw(st.sampled_from([Event.CANCELLED, Event.EXPIRED]))
            return [*entries, Withdrawn(job_id, number, clock, event)]
        if fate == "unknown":
            verdict = retry.not_know(budget)
            entries.append(_ended(job_id, number, clock, Outcome.INTERRUPTED, verdict, started_ms=None))
            budget = verdict.budget
            clock += int(verdict.wait_seconds * 1000)
            continue
        entries.append(Started(job_id, number, clock, _executor(number), queued_ms=clock - 70))
        if fate == "hang":
            return entries
        outcome, started_ms = draw(st.sampled_from(OUTCOMES)), clock
        verdict = verdict_of(outcome, budget, retryable=draw(st.integers(0, 5)) > 0)
        clock += draw(st.integers(1, 90_000))
        entries.append(_ended(job_id, number, clock, outcome, verdict, started_ms=started_ms))
        if draw(st.integers(0, 3)) == 0:
            entries.append(Late(job_id, number, clock + 5, draw(st.sampled_from(OUTCOMES))))
        if verdict.next is not Next.RETRY:
            return entries
        budget = verdict.budget
        clock += int(verdict.wait_seconds * 1000)
    return entries


@st.composite
def mixtures(draw: st.DrawFn, *, job_id: str = JOB_ID) -> Mixture:
    written = draw(histories(job_id=job_id).filter(bool))
    return Mixture(written, draw(shuffled(written)))


def shuffled(entries: list[JobEntry]) -> st.SearchStrategy[list[JobEntry]]:
    """Every entry at least once, some again, in any order."""
    repeated = st.lists(st.sampled_from(entries).flatmap(_said_again), max_size=6)
    return repeated.flatmap(lambda again: st.permutations([*entries, *again]))


def _said_again(entry: JobEntry) -> st.SearchStrategy[JobEntry]:
    """The same, or a start as the keeper reads it off a claim: there it does not say how long the job had waited."""
    if isinstance(entry, Started):
        return st.sampled_from([entry, replace(entry, queued_ms=None)])
    return st.just(entry)


def about(job_id: str, entries: list[JobEntry]) -> list[JobEntry]:
    return [replace(entry, job_id=job_id) for entry in entries]


def verdict_of(outcome: Outcome, budget: Budget, *, retryable: bool = True) -> Verdict:
    match outcome:
        case Outcome.SUCCEEDED:
            return retry.succeed(budget)
        case Outcome.CANCELLED:
            return retry.cancel(budget)
        case Outcome.LOST:
            return retry.lose(budget)
        case Outcome.INTERRUPTED:
            return retry.interrupt(budget)
        case _:
            return retry.fail(budget, POLICY, draw=0.0, retryable=retryable, outcome=outcome)


def _executor(number: int) -> Executor:
    return Executor(worker=f"worker{number}@host", incarnation=f"{number:016x}", pid=1000 + number, beat=number)


def _ended(
    job_id: str, number: int, at_ms: int, outcome: Outcome, verdict: Verdict, *, started_ms: int | None
) -> Ended:
    failed = outcome not in {Outcome.SUCCEEDED, Outcome.CANCELLED}
    return Ended(
        job_id=job_id,
        attempt=number,
        at_ms=at_ms,
        outcome=outcome,
        verdict=verdict,
        by=_executor(number),
        started_ms=started_ms,
        queued_ms=started_ms - 70 if started_ms and outcome is not Outcome.LOST else None,
        run_seconds=(at_ms - started_ms) / 1000 if started_ms and outcome is not Outcome.LOST else None,
        result={"from": number} if outcome is Outcome.SUCCEEDED else None,
        failure=Failure("E", f"attempt {number} broke", f"Traceback of {number}") if failed else Failure(),
        log=f"log of {number}",
    )
