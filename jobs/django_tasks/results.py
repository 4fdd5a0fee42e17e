"""The framework's TaskResult, read from the rows. What no column holds travels in the job's headers, as `Enqueued`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from django.core.exceptions import ImproperlyConfigured

from jobs.broker import message
from jobs.django_tasks import arguments
from jobs.django_tasks.framework import (
    AnyResult,
    AnyTask,
    BaseTaskBackend,
    InvalidTask,
    TaskError,
    TaskResult,
    TaskResultStatus,
    task_backends,
)
from jobs.domain.states import Outcome, State
from jobs.execution.context import Cancelled
from jobs.models import Attempt, Job

HEADER = "django_task"

STATUS_OF: dict[State, TaskResultStatus] = {
    State.SCHEDULED: TaskResultStatus.READY,
    State.QUEUED: TaskResultStatus.READY,
    State.RETRYING: TaskResultStatus.READY,
    State.RUNNING: TaskResultStatus.RUNNING,
    State.SUCCEEDED: TaskResultStatus.SUCCESSFUL,
    State.DEAD: TaskResultStatus.FAILED,
    State.CANCELLED: TaskResultStatus.FAILED,
    State.EXPIRED: TaskResultStatus.FAILED,
}

_HERE = "jobs.django_tasks.errors"
# What our own words for an attempt's end are called as exceptions.
_PATHS = {
    name: f"{_HERE}.{name}" for name in ("WorkerLost", "TimeLimitExceeded", "Interrupted", "UnknownTask", "Undecodable")
}
_WITHOUT_ERROR = ("", Outcome.RUNNING, Outcome.SUCCEEDED)


@dataclass(frozen=True, slots=True)
class Enqueued:
    """How a function was enqueued. `positional`: how many of its arguments were given without a name."""

    backend: str
    priority: int
    queue_name: str
    run_after: str | None
    positional: int
    at: str | None

    @classmethod
    def of(cls, task: AnyTask, *, positional: int, now: datetime) -> Self:
        run_after = task.run_after.isoformat() if task.run_after else None
        return cls(task.backend, task.priority, task.queue_name, run_after, positional, now.isoformat())

    @classmethod
    def read(cls, header: Any, task: AnyTask, *, now: datetime) -> Self:
        """From the header; a job that came by another road, over HTTP for one, is as its function was declared."""
        plain = cls.of(task, positional=0, now=now)
        known = asdict(plain)
        given = header if isinstance(header, Mapping) else {}
        return cls(**{**known, **{name: value for name, value in given.items() if name in known}})

    def header(self) -> dict[str, Any]:
        return {HEADER: asdict(self)}

    def task(self, declared: AnyTask) -> AnyTask:
        """The task as it was enqueued; as declared now, where the settings no longer know its backend or queue."""
        try:
            return declared.using(
                priority=self.priority,
                queue_name=self.queue_name,
                run_after=message.stamp(self.run_after),
                backend=self.backend,
            )
        except (InvalidTask, ImproperlyConfigured):
            return declared


def of_job(job: Job, declared: AnyTask, attempts: Sequence[Attempt]) -> AnyResult:
    header = (job.options.get("headers") or {}).get(HEADER)
    enqueued = Enqueued.read(header, declared, now=job.created_at)
    result = of_call(declared, enqueued, id_=str(job.id), args=job.args, kwargs=job.payload)
    result.errors.extend(errors_of(attempts))
    result.errors.extend(_error_without_attempt(job, attempts))
    result.worker_ids.extend(attempt.worker for attempt in attempts)
    began = [attempt.started_at for attempt in attempts if attempt.started_at]
    change(
        result,
        status=STATUS_OF[State(job.state)],
        enqueued_at=job.created_at,
        started_at=began[0] if began else None,
        last_attempted_at=began[-1] if began else None,
        finished_at=job.finished_at,
        _return_value=job.result if job.state == State.SUCCEEDED else None,
    )
    return result


def of_call(
    declared: AnyTask, enqueued: Enqueued, *, id_: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> AnyResult:
    """A result that says no more than what was asked for."""
    called_args, called_kwargs = arguments.as_called(declared, enqueued.positional, args, kwargs)
    return TaskResult(
        task=enqueued.task(declared),
        id=id_,
        status=TaskResultStatus.READY,
        enqueued_at=message.stamp(enqueued.at),
        started_at=None,
        finished_at=None,
        last_attempted_at=None,
        args=called_args,
        kwargs=called_kwargs,
        backend=enqueued.backend,
        errors=[],
        worker_ids=[],
    )


def change(result: AnyResult, **values: Any) -> None:
    """Results are frozen for their readers, as the framework's own backends see it, not for the backend."""
    for name, value in values.items():
        object.__setattr__(result, name, value)


def attempts_before(job_id: str, attempt: int) -> list[Attempt]:
    return list(Attempt.objects.filter(job_id=job_id, number__lt=attempt))


def errors_of(attempts: Iterable[Attempt]) -> list[TaskError]:
    """One for each attempt that ended without success."""
    return [
        TaskError(exception_class_path=path_of(attempt.error_type), traceback=attempt.traceback or attempt.error)
        for attempt in attempts
        if attempt.outcome not in _WITHOUT_ERROR
    ]


def path_of(error_type: str) -> str:
    """The dotted path of an exception's class, from its name as attempts keep it."""
    if "." in error_type:
        return error_type
    return _PATHS.get(error_type) or f"builtins.{error_type or 'Exception'}"


def sender_of(result: AnyResult) -> type[BaseTaskBackend]:
    return type(task_backends[result.task.backend])


def _error_without_attempt(job: Job, attempts: Sequence[Attempt]) -> list[TaskError]:
    """What failed before it could start, or between two attempts, has failed of something too."""
    last = attempts[-1].outcome if attempts else ""
    if job.state == State.CANCELLED and last != Outcome.CANCELLED:
        told = f"cancelled by {job.cancel_requested_by or 'somebody'}: {job.cancel_reason or 'no reason was given'}"
        return [TaskError(exception_class_path=f"{Cancelled.__module__}.{Cancelled.__qualname__}", traceback=told)]
    if job.state == State.EXPIRED:
        told = f"not started before {job.expires_at:%Y-%m-%d %H:%M:%S %Z}" if job.expires_at else "expired"
        return [TaskError(exception_class_path=f"{_HERE}.Expired", traceback=told)]
    if job.state == State.DEAD and not attempts:
        return [TaskError(exception_class_path=path_of(job.error_type), traceback=job.error)]
    return []
