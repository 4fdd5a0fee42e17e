"""Runs a job in the calling process, as `CELERY_TASK_ALWAYS_EAGER` and `Task.apply` promise, with its rows written at once.

Retries follow one another without waiting. Redis is not used.
"""

import secrets
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from celery import states
from celery._state import get_current_task
from celery.app.task import Task
from celery.app.trace import build_tracer
from celery.result import EagerResult
from django.utils import timezone

from jobs.broker.message import Delivery
from jobs.domain.actors import CODE
from jobs.domain.retry import Budget
from jobs.domain.states import Source, State
from jobs.execution import identity
from jobs.execution.ledger import Run
from jobs.intake import calls, drafts, storable, submission
from jobs.models import Job


def apply(
    task: Task[Any, Any],
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    options: Mapping[str, Any],
    *,
    throw: bool | None,
) -> EagerResult[Any]:
    """Submit and run to the end; the result object that Celery's `apply` gives."""
    now = timezone.now()
    caller = get_current_task()
    draft = calls.draft_of_call(task.name, args, kwargs, options, parent=_running(caller), now=now)
    job = drafts.make_job(draft, actor=CODE, source=Source.CODE, now=now)
    [job] = submission.insert_unpublished([job], scope=CODE.name, now=now)
    propagate = bool(task.app.conf.task_eager_propagates if throw is None else throw)
    traced = None
    while not job.is_final:
        traced = run_attempt(task, job)
        job.refresh_from_db()
    return _result(job, traced, throw=propagate)


def run_attempt(task: Task[Any, Any], job: Job) -> Any:
    """Make the job's next attempt here and now, whatever its schedule says."""
    tracer = build_tracer(task.name, task, eager=True, propagate=False, app=task.app)
    args, kwargs = storable.revive([job.args, job.payload])
    return tracer(str(job.id), args, kwargs, _request(task, job))


def run_of(request: Any) -> Run:
    return Run(
        job_id=str(request.id),
        attempt=request.attempt,
        by=identity.executor(request.hostname or ""),
        token=secrets.token_hex(8),
        queued_ms=None,
    )


def delivery_of(request: Any) -> Delivery:
    now = timezone.now()
    return Delivery(
        job_id=str(request.id),
        attempt=request.attempt,
        budget=Budget(request.failures, request.losses, request.unknowns),
        max_retries=request.max_retries,
        published_at=now,
        queued_at=now,
        expires_at=None,
        sealed=False,
    )


def _running(task: Task[Any, Any] | None) -> Task[Any, Any] | None:
    return task if task is not None and task.request.id else None


def _request(task: Task[Any, Any], job: Job) -> dict[str, Any]:
    return {
        "id": str(job.id),
        "task": task.name,
        "parent_id": str(job.parent_id) if job.parent_id else None,
        "root_id": str(job.root_id or job.id),
        "group": job.group_id or None,
        "group_index": job.group_index,
        "retries": job.failures,
        "is_eager": True,
        "hostname": socket.gethostname(),
        "headers": job.options.get("headers"),
        "timelimit": [job.options.get("time_limit"), job.options.get("soft_time_limit")],
        "ignore_result": True,
        "delivery_info": {"is_eager": True, "exchange": "", "routing_key": job.queue, "priority": None},
        "attempt": job.next_attempt,
        "failures": job.failures,
        "losses": job.losses,
        "unknowns": job.unknowns,
        "max_retries": job.max_retries,
    }


def _result(job: Job, traced: Any, *, throw: bool) -> EagerResult[Any]:
    value = traced.retval if traced is not None else None
    if job.state == State.SUCCEEDED:
        # What any other reader of the job gets; a value that JSON changes is changed here too.
        return EagerResult(str(job.id), storable.revive(job.result), states.SUCCESS, name=job.task)
    error = getattr(value, "exception", value)
    error = getattr(error, "exc", error)
    if not isinstance(error, BaseException):
        error = RuntimeError(job.error)
    if throw:
        raise error
    traceback = job.attempts.order_by("-number").values_list("traceback", flat=True).first()
    state = states.FAILURE if job.state == State.DEAD else states.REVOKED
    return EagerResult(str(job.id), error, state, traceback=traceback, name=job.task)
