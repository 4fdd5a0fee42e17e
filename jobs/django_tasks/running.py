"""Runs a function as the framework promises: its context, its signals, its return value as JSON.

`task_finished` is sent when the outcome is written and final; an attempt that will be followed by another has not finished.
"""

import logging
from typing import Any

from billiard.common import terminate_handler_fired
from celery import current_task
from django.db import Error as DatabaseError
from django.utils import timezone

from jobs.django_tasks import results
from jobs.django_tasks.errors import ReturnValueInvalid
from jobs.django_tasks.framework import (
    AnyResult,
    AnyTask,
    TaskContext,
    TaskError,
    TaskResultStatus,
    normalize_json,
    task_finished,
    task_started,
)
from jobs.django_tasks.results import Enqueued
from jobs.execution import context, verdicts

logger = logging.getLogger(__name__)


def run(task: AnyTask, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not context.is_inside():
        return task.call(*args, **kwargs)  # called like a function, by somebody who found it among Celery's tasks
    request = current_task.request
    result = _begin(task, request, list(args), kwargs)
    request.tally_result = result
    task_started.send_robust(sender=results.sender_of(result), task_result=result)
    given = (TaskContext(task_result=result), *result.args) if task.takes_context else result.args
    try:
        return _as_json(task.call(*given, **result.kwargs))
    except BaseException as error:
        request.tally_error = error
        raise


def announce_succeeded(request: Any, value: Any) -> None:
    result = getattr(request, "tally_result", None)
    if result is not None:
        object.__setattr__(result, "_return_value", value)
        _announce(result, TaskResultStatus.SUCCESSFUL)


def announce_failed(request: Any, error: Exception) -> None:
    """Call while the error is being handled. A process that was told to stop is interrupted: its job runs again."""
    result = getattr(request, "tally_result", None)
    if result is None or terminate_handler_fired():
        return
    failure = verdicts.failure_of(getattr(request, "tally_error", error))
    result.errors.append(
        TaskError(exception_class_path=results.path_of(failure.type), traceback=failure.traceback or failure.message)
    )
    _announce(result, TaskResultStatus.FAILED)


def _announce(result: AnyResult, status: TaskResultStatus) -> None:
    results.change(result, status=status, finished_at=timezone.now())
    task_finished.send_robust(sender=results.sender_of(result), task_result=result)


def _as_json(value: Any) -> Any:
    try:
        return normalize_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ReturnValueInvalid(f"The task finished, but its return value is no JSON. {error}") from error


def _begin(task: AnyTask, request: Any, args: list[Any], kwargs: dict[str, Any]) -> AnyResult:
    """The result as this attempt finds it: running, with the errors and the workers of the attempts before."""
    job = context.current()
    now = timezone.now()
    enqueued = Enqueued.read(_header(request), task, now=now)
    result = results.of_call(task, enqueued, id_=job.id, args=args, kwargs=kwargs)
    started_at = now
    if job.attempt > 1:
        started_at = _remember(result, job.id, attempt=job.attempt) or now
    result.worker_ids.append(request.hostname or "")
    results.change(result, status=TaskResultStatus.RUNNING, started_at=started_at, last_attempted_at=now)
    return result


def _remember(result: AnyResult, job_id: str, *, attempt: int) -> Any:
    """Add what former attempts left; when they began. With SQL away only their number is known."""
    try:
        before = results.attempts_before(job_id, attempt)
    except DatabaseError as error:
        logger.warning("SQL can't tell what attempts job %s has had (%s).", job_id, error)
        before = []
    result.errors.extend(results.errors_of(before))
    workers = {former.number: former.worker for former in before}
    result.worker_ids.extend(workers.get(number, "") for number in range(1, attempt))
    return next((former.started_at for former in before if former.started_at), None)


def _header(request: Any) -> Any:
    """A worker finds our headers beside Celery's, an eager call in their own dict."""
    return getattr(request, results.HEADER, None) or (request.headers or {}).get(results.HEADER)
