"""When a job that failed runs again, and when it is buried instead.

The n-th failure waits `factor * 2**n` seconds plus jitter; a loss or an interruption has a budget of its own.
Randomness is handed in as a draw from [0, 1).
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from jobs.domain.states import Burial, Outcome

MAX_LOST = 3
UNKNOWN_FIRST_WAIT_SECONDS = 60.0
UNKNOWN_TOTAL_WAIT_SECONDS = 30 * 60.0


class Jitter(StrEnum):
    PROPORTIONAL = "proportional"  # wait + [0, 0.3 * wait)
    FULL = "full"  # [0, wait): what Celery's retry_jitter means
    NONE = "none"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait between attempts. `max_retries` None means without end."""

    max_retries: int | None = 3
    factor: float = 1.0
    first_exponent: int = 1
    cap_seconds: float = 3600.0
    jitter: Jitter = Jitter.PROPORTIONAL
    fixed_seconds: float | None = None

    def wait_seconds(self, failures: int, draw: float) -> float:
        """The wait after the n-th failure, n ≥ 1."""
        if self.fixed_seconds is not None:
            return self.fixed_seconds
        exponent = min(failures - 1 + self.first_exponent, 64)
        wait = min(self.factor * 2.0**exponent, self.cap_seconds)
        match self.jitter:
            case Jitter.PROPORTIONAL:
                return wait + 0.3 * wait * draw
            case Jitter.FULL:
                return wait * draw
            case Jitter.NONE:
                return wait


@dataclass(frozen=True, slots=True)
class Budget:
    """What a job has used up since it was last requeued."""

    failures: int = 0
    losses: int = 0
    unknowns: int = 0


class Next(StrEnum):
    SUCCEED = "succeed"
    RETRY = "retry"
    BURY = "bury"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows an attempt: the next step, when, why, and the budget that is used up then."""

    next: Next
    budget: Budget
    wait_seconds: float = 0.0
    reason: Burial | None = None


def succeed(budget: Budget) -> Verdict:
    return Verdict(Next.SUCCEED, budget)


def cancel(budget: Budget) -> Verdict:
    return Verdict(Next.CANCEL, budget)


def fail(
    budget: Budget,
    policy: RetryPolicy,
    *,
    draw: float,
    retryable: bool = True,
    after_seconds: float | None = None,
    time_scale: float = 1.0,
    outcome: Outcome = Outcome.FAILED,
) -> Verdict:
    """The code failed or ran out of time. `after_seconds` is a wait the code itself asked for."""
    used = replace(budget, failures=budget.failures + 1)
    if not retryable:
        return Verdict(Next.BURY, used, reason=Burial.NOT_RETRYABLE)
    if policy.max_retries is not None and used.failures > policy.max_retries:
        reason = Burial.TIMED_OUT if outcome is Outcome.TIMED_OUT else Burial.EXHAUSTED
        return Verdict(Next.BURY, used, reason=reason)
    wait = policy.wait_seconds(used.failures, draw) if after_seconds is None else after_seconds
    return Verdict(Next.RETRY, used, wait_seconds=wait * time_scale)


def lose(budget: Budget, *, max_lost: int = MAX_LOST) -> Verdict:
    """The worker died. Not the code's fault until it happens too often."""
    used = replace(budget, losses=budget.losses + 1)
    if used.losses >= max_lost:
        return Verdict(Next.BURY, used, reason=Burial.CRASH_LOOP)
    return Verdict(Next.RETRY, used)


def interrupt(budget: Budget) -> Verdict:
    """A deploy stopped the worker. Costs nothing."""
    return Verdict(Next.RETRY, budget)


def not_know(budget: Budget, *, time_scale: float = 1.0) -> Verdict:
    """No worker here knows the task, as in a rolling deploy: wait 1, 2, 4 … minutes, in all no more than half an hour."""
    waited = UNKNOWN_FIRST_WAIT_SECONDS * (2.0**budget.unknowns - 1)
    used = replace(budget, unknowns=budget.unknowns + 1)
    if waited >= UNKNOWN_TOTAL_WAIT_SECONDS:
        return Verdict(Next.BURY, used, reason=Burial.UNKNOWN_TASK)
    wait = UNKNOWN_FIRST_WAIT_SECONDS * 2.0**budget.unknowns
    return Verdict(Next.RETRY, used, wait_seconds=wait * time_scale)
