"""The public Python API: declare tasks, submit jobs, and say inside a task how its job goes on."""

from collections.abc import Callable, Sequence
from typing import Any, overload

from celery import shared_task

from jobs.domain.actors import CODE, Actor
from jobs.domain.retry import RetryPolicy
from jobs.execution.context import Cancelled, JobContext
from jobs.execution.context import current as current_job
from jobs.execution.errors import Discard, Retry
from jobs.execution.task import JobTask
from jobs.intake import registry, submission
from jobs.intake.drafts import Draft, DraftInvalid, draft_of
from jobs.intake.idempotency import IdempotencyConflict
from jobs.intake.registry import TaskOptions, UnknownQueue, UnknownTask
from jobs.intake.schema import PayloadInvalid
from jobs.models import Job

__all__ = [
    "Cancelled",
    "Discard",
    "Draft",
    "DraftInvalid",
    "IdempotencyConflict",
    "JobContext",
    "PayloadInvalid",
    "Retry",
    "UnknownQueue",
    "UnknownTask",
    "current_job",
    "submit",
    "submit_many",
    "task",
]


@overload
def task(function: Callable[..., Any], /) -> JobTask: ...
@overload
def task(
    *,
    name: str | None = None,
    queue: str = "default",
    max_retries: int | None = 3,
    backoff_factor: float = 1.0,
    backoff_cap_seconds: float = 3600.0,
    retry_on: tuple[type[BaseException], ...] = (Exception,),
    discard_on: tuple[type[BaseException], ...] = (),
    time_limit_seconds: float | None = None,
    soft_time_limit_seconds: float | None = None,
    sensitive: bool = False,
    idempotent: bool = False,
    bind: bool = False,
    example: dict[str, Any] | None = None,
    runbook: str = "",
    fingerprint: str = "",
) -> Callable[[Callable[..., Any]], JobTask]: ...
def task(function: Any = None, /, **options: Any) -> Any:
    """Declare a task.

    `queue`: where it runs. `max_retries`: retries after the first attempt, None without end; the n-th failure waits
    `backoff_factor * 2**n` seconds and up to 30 % more. `retry_on`, `discard_on`: which exceptions are tried again.
    `sensitive`: the payload never travels through Redis. `idempotent`: running it twice does no harm, so nobody is
    warned before a requeue. `example`, `runbook`: shown where the task is.
    `fingerprint`: all failures of tasks with the same one are one group of dead letters.
    """
    if function is not None:
        return _declare(function)
    return lambda declared: _declare(declared, **options)


def submit(task: str | JobTask, /, **payload: Any) -> Job:
    """Submit by name or by task, with the task's arguments by name; `run_at`, `queue`, `tags` … as for `task.submit`."""
    name = task if isinstance(task, str) else task.name
    return submission.submit(draft_of(registry.get(name), payload))


def submit_many(drafts: Sequence[Draft], *, actor: Actor = CODE) -> list[Job]:
    """All or none: one insert, one pipeline. The jobs come in the order of the drafts."""
    return submission.submit_many(drafts, actor=actor)


def _declare(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    bind: bool = False,
    max_retries: int | None = 3,
    backoff_factor: float = 1.0,
    backoff_cap_seconds: float = 3600.0,
    time_limit_seconds: float | None = None,
    soft_time_limit_seconds: float | None = None,
    **declared: Any,
) -> Any:
    policy = RetryPolicy(max_retries=max_retries, factor=backoff_factor, cap_seconds=backoff_cap_seconds)
    named = {"name": name} if name else {}
    return shared_task(
        bind=bind,
        max_retries=max_retries,
        time_limit=time_limit_seconds,
        soft_time_limit=soft_time_limit_seconds,
        tally=TaskOptions(policy=policy, **declared),
        **named,
    )(function)
