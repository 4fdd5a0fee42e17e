"""Functions as somebody writes them who knows only Django's framework; the last few know Tally's options."""

import os
from typing import Any

from jobs.django_tasks import options
from jobs.models import Job
from jobs.shortcuts import current_job
from tests.support.django_tasks import AnyContext, task
from tests.support.press.marks import Flaky, Hopeless, leave_mark, wait_long


@task
def meaning() -> int:
    return 42


@task()
def add(a: int, b: int = 1) -> int:
    return a + b


@task
def echo(*args: Any, **kwargs: Any) -> list[Any]:
    return [args, kwargs]


@task
def by_position(a: Any, /, b: Any, *, c: Any = None) -> list[Any]:
    return [a, b, c]


@task
def double(key: Any) -> dict[Any, Any]:
    """The example of Django's documentation: a tuple comes as a list, which is no key."""
    return {key: key * 2}


@task
def fail(message: str) -> None:
    raise ValueError(message)


@task
def call_exit(code: int) -> None:
    raise SystemExit(code)


@task
def return_function() -> Any:
    return return_function


@task
def return_large(size: int) -> str:
    return "x" * size


@task
def mark(marks: str, text: str = "ran") -> str:
    leave_mark(marks, text)
    return text


@task
def cancel_me() -> None:
    """What `check_cancelled` raises, without waiting for somebody to ask."""
    from jobs.shortcuts import Cancelled

    raise Cancelled("the reader is gone")


@task(takes_context=True)
def recover(context: AnyContext, failures: int) -> dict[str, Any]:
    """Fails so many times; then says what its context says."""
    if context.attempt <= failures:
        raise LookupError(f"attempt {context.attempt}")
    result = context.task_result
    return {
        "id": result.id,
        "attempt": context.attempt,
        "status": result.status,
        "errors": [error.exception_class_path for error in result.errors],
        "workers": result.worker_ids,
        "args": result.args,
        "kwargs": result.kwargs,
        "path": result.task.module_path,
        "priority": result.task.priority,
        "enqueued_at": result.enqueued_at is not None,
        "started_before_attempt": result.started_at < result.last_attempted_at
        if result.started_at and result.last_attempted_at
        else None,
    }


@task
async def count_jobs(word: str) -> dict[str, Any]:
    """A coroutine that talks to the database and to its job."""
    return {"word": word, "jobs": await Job.objects.acount(), "job": current_job().id}


@task(takes_context=True)
async def fail_async(context: AnyContext, message: str) -> None:
    raise ValueError(f"{message} {context.attempt}")


@task
def die(marks: str) -> str:
    """Kills its own process, the first time."""
    leave_mark(marks, "ran")
    if current_job().attempt == 1:
        os.kill(os.getpid(), 9)
    return "survived"


@task
def give_up_loudly(marks: str) -> None:
    """Makes an error of its own of being told to stop."""
    leave_mark(marks, "began")
    try:
        wait_long()
    except SystemExit as told:
        raise ValueError("stopped") from told


@task
def enqueue_another(word: str) -> str:
    return mark.enqueue(word).id


@task(priority=50)
def urgent() -> None: ...


@task(priority=-50)
def idle() -> None: ...


@task(queue_name="low", priority=50)
def on_a_queue() -> None: ...


@task
@options(max_retries=0, time_limit_seconds=30)
def once(message: str) -> None:
    raise ValueError(message)


@task
@options(max_retries=2, retry_on=["tests.support.press.marks.Flaky"], discard_on=[Hopeless])
def choosy(kind: str) -> None:
    raise {"flaky": Flaky, "hopeless": Hopeless, "other": ValueError}[kind](kind)


@task
@options(sensitive=True)
def secret(card: str) -> int:
    return len(card)
