"""From what a task raised or returned to what follows: the pure policy, fed with the task's options."""

import random
import traceback as tracebacks
from dataclasses import dataclass, replace
from typing import Any, assert_never

from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded
from celery.exceptions import Retry as CeleryRetry

from jobs import conf
from jobs.domain import retry
from jobs.domain.errors import TallyError
from jobs.domain.journal import Failure
from jobs.domain.retry import Budget, RetryPolicy, Verdict
from jobs.domain.states import Outcome
from jobs.execution import frames
from jobs.execution.context import Cancelled
from jobs.execution.errors import Discard, ResultNotKept, Retry
from jobs.intake import storable
from jobs.intake.registry import TaskSpec

_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, and what it leaves behind."""

    outcome: Outcome
    verdict: Verdict
    result: Any = None
    failure: Failure = Failure()


def policy_of(spec: TaskSpec, max_retries: int | None) -> RetryPolicy:
    """The task's policy with the job's own budget."""
    policy = spec.options.policy
    return policy if policy.max_retries == max_retries else replace(policy, max_retries=max_retries)


def of_result(value: Any, budget: Budget, policy: RetryPolicy) -> Ending:
    try:
        kept = _keepable(value)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:  # noqa: BLE001  (objects of user code, written as JSON: whatever that raises, the body has run)
        why = str(error) if isinstance(error, TallyError) else f"Writing it raised {_name(error)}: {_message(error)}"
        problem = ResultNotKept(f"The task finished, but its result can't be kept. {why}")
        verdict = retry.fail(budget, policy, draw=0.0, retryable=False)
        return Ending(Outcome.FAILED, verdict, failure=failure_of(problem))
    return Ending(Outcome.SUCCEEDED, retry.succeed(budget), result=kept)


def of_error(
    error: BaseException, budget: Budget, policy: RetryPolicy, spec: TaskSpec, *, exhausted: bool = False
) -> Ending:
    """`exhausted`: Celery's `self.retry()` has already found that no retry is left."""
    scale = conf.current().RETRY_TIME_SCALE
    draw = _random.random()
    failure = failure_of(error)
    match error:
        case Ignore():
            return Ending(Outcome.SUCCEEDED, retry.succeed(budget))
        case Cancelled():
            return Ending(Outcome.CANCELLED, retry.cancel(budget), failure=failure)
        case Reject() if getattr(error, "requeue", False):
            return Ending(Outcome.INTERRUPTED, retry.interrupt(budget), failure=failure)
        case Retry(after=after):
            verdict = retry.fail(budget, policy, draw=draw, after_seconds=after, time_scale=scale)
        case CeleryRetry(when=when, exc=cause):
            policy = replace(policy, max_retries=getattr(error, "max_retries", policy.max_retries))
            verdict = retry.fail(budget, policy, draw=draw, after_seconds=_seconds(when), time_scale=scale)
            failure = failure_of(cause) if cause is not None else failure
        case Discard() | Reject():
            verdict = retry.fail(budget, policy, draw=draw, retryable=False)
        case SoftTimeLimitExceeded():
            verdict = retry.fail(budget, policy, draw=draw, time_scale=scale, outcome=Outcome.TIMED_OUT)
            return Ending(Outcome.TIMED_OUT, verdict, failure=failure)
        case _ if exhausted:
            verdict = retry.fail(budget, replace(policy, max_retries=0), draw=draw)
        case _:
            retryable = isinstance(error, spec.options.retry_on) and not isinstance(error, spec.options.discard_on)
            verdict = retry.fail(budget, policy, draw=draw, retryable=retryable, time_scale=scale)
    return Ending(Outcome.FAILED, verdict, failure=failure)


def of_outcome(outcome: Outcome, budget: Budget, policy: RetryPolicy, *, failure: Failure) -> Ending:
    """For an attempt whose own process can't speak any more."""
    settings = conf.current()
    match outcome:
        case Outcome.LOST:
            verdict = retry.lose(budget, max_lost=settings.MAX_LOST)
        case Outcome.INTERRUPTED:
            verdict = retry.interrupt(budget)
        case Outcome.CANCELLED:
            verdict = retry.cancel(budget)
        case Outcome.TIMED_OUT | Outcome.FAILED:
            verdict = retry.fail(
                budget, policy, draw=_random.random(), time_scale=settings.RETRY_TIME_SCALE, outcome=outcome
            )
        case Outcome.RUNNING | Outcome.SUCCEEDED:
            raise ValueError(f"{outcome} is not for others to say")
        case _:
            assert_never(outcome)
    return Ending(outcome, verdict, failure=failure)


def failure_of(error: BaseException) -> Failure:
    """The error as text that can be stored, with what it came from."""
    limit = conf.current().TRACEBACK_MAX_BYTES
    text = "".join(tracebacks.format_exception(error))
    if len(text) > limit:
        half = limit // 2
        text = f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
    return Failure(
        type=_name(error),
        message=storable.mend_text(_message(error))[:10_000],
        traceback=storable.mend_text(text),
        causes=tuple(_name(cause) for cause in _causes(error)),
        frames=frames.of(error),
    )


def _keepable(value: Any) -> Any:
    if value is None:
        return None
    limits = conf.current()
    try:
        return storable.accept(value, what="The result", max_bytes=limits.RESULT_MAX_BYTES, max_depth=200)
    except storable.NotStorable as unstorable:
        try:
            mended = storable.mend(value)
        except RecursionError:
            raise unstorable from None
        return storable.accept(mended, what="The result", max_bytes=limits.RESULT_MAX_BYTES, max_depth=200)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as unprintable:  # noqa: BLE001  (an exception of user code that can't even be printed)
        return f"(its message could not be printed: {type(unprintable).__name__})"


def _name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while cause is not None and cause not in found and len(found) < 20:
        found.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return found


def _seconds(when: object) -> float | None:
    return float(when) if isinstance(when, int | float) else None
