"""Makes a function that was declared with the framework's `@task` a task of Celery's, one per dotted path.

Declaring registers; a path whose module nobody has imported yet is looked up when a worker meets it (`registry.discover`).
"""

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any

from celery import shared_task
from celery.exceptions import Ignore, Reject
from celery.exceptions import Retry as CeleryRetry

from jobs.django_tasks import arguments, queues, running
from jobs.django_tasks.choices import Choices, choose_for, exceptions_of
from jobs.django_tasks.framework import AnyTask, InvalidTask, Task, task_backends
from jobs.execution.task import JobTask
from jobs.intake import registry
from jobs.intake.registry import TaskOptions

NAME_MAX_CHARACTERS = 255

_declared: dict[str, AnyTask] = {}


class FunctionTask(JobTask):
    """A job whose body is a function that knows nothing of Tally."""

    abstract = True

    @cached_property
    def tally(self) -> TaskOptions:
        """Asked for late: retry_on may name exceptions of a module that was still being imported at the declaration."""
        task = declared(self.name)
        chosen = choices_of(task)
        carriers = getattr(task_backends[task.backend], "carriers", {})
        return TaskOptions(
            queue=queues.queue_of(task, carriers) or queues.queue_of_priority(task.priority),
            policy=chosen.policy,
            retry_on=exceptions_of(chosen.retry_on),
            discard_on=exceptions_of(chosen.discard_on),
            sensitive=chosen.sensitive,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The attempt, and word of its end to the framework once the outcome is written."""
        try:
            value = super().__call__(*args, **kwargs)
        except CeleryRetry:
            raise
        except Ignore as ignored:
            running.announce_failed(self.request, ignored)
            raise
        except Reject as rejected:
            if not rejected.requeue:
                running.announce_failed(self.request, rejected)
            raise
        except Exception as error:
            running.announce_failed(self.request, error)
            raise
        running.announce_succeeded(self.request, value)
        return value


def register(task: AnyTask) -> None:
    """Make the function known to Celery, once; the first declaration says what holds when nothing else is said."""
    name = task.module_path
    if len(name) > NAME_MAX_CHARACTERS:
        raise InvalidTask(f"The path {name} is longer than {NAME_MAX_CHARACTERS} characters. Shorten its names.")
    known = _declared.get(name)
    if known is None or known.func is not task.func:
        _declared[name] = task
        chosen = choices_of(task)
        shared_task(
            name=name,
            base=FunctionTask,
            max_retries=chosen.max_retries,
            time_limit=chosen.time_limit_seconds,
            soft_time_limit=chosen.soft_time_limit_seconds,
        )(_body_of(task))


def declared(name: str) -> AnyTask:
    return _declared[name]


def find(name: str) -> AnyTask | None:
    """The function of that path, in a module of an installed app if it is not known yet."""
    if name not in _declared:
        registry.discover(name)
    return _declared.get(name)


def claim(found: object) -> None:
    """A declaration for another backend can still be enqueued here, by `using(backend=…)`."""
    if isinstance(found, Task):
        register(found)


def choices_of(task: AnyTask) -> Choices:
    return choose_for(task.func, getattr(task_backends[task.backend], "chosen", {}))


def _body_of(task: AnyTask) -> Callable[..., Any]:
    name = task.module_path

    @wraps(task.func)
    def run(*args: Any, **kwargs: Any) -> Any:
        return running.run(declared(name), args, kwargs)

    run.__signature__ = arguments.signature_of(task)  # type: ignore[attr-defined]  # what inspect.signature() answers with
    return run


registry.claimants.append(claim)
