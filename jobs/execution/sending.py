"""`send_task`: a submission by name."""

from collections.abc import Mapping, Sequence
from typing import Any

from celery import Celery
from celery._state import get_current_worker_task
from celery.result import AsyncResult
from django.utils import timezone

from jobs.intake import calls, submission


def send(
    app: Celery,
    name: str,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> AsyncResult[Any]:
    task = app.tasks.get(name)
    if task is not None and app.conf.task_always_eager:
        return task.apply_async(tuple(args or ()), dict(kwargs or {}), **options)
    draft = calls.draft_of_call(name, args, kwargs, options, parent=get_current_worker_task(), now=timezone.now())
    job = submission.submit(draft)
    return app.AsyncResult(str(job.id))
