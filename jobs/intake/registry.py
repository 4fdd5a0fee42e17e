"""Every task there is, with what the queue must know of it: where it runs, how it is retried, what it takes.

The registry is Celery's own; a task made by `jobs.shortcuts.task` carries its `TaskOptions`, a plain Celery task is read
from the attributes Celery documents.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from celery import current_app
from celery._state import get_current_app
from celery.app.task import Task
from django.apps import apps
from django.utils.module_loading import autodiscover_modules

from jobs import conf
from jobs.domain.errors import TallyError
from jobs.domain.retry import Jitter, RetryPolicy
from jobs.intake.schema import PayloadSchema

logger = logging.getLogger(__name__)


class UnknownTask(TallyError):
    code = "unknown_task"

    def __init__(self, name: str) -> None:
        super().__init__(f"No task is called {name!r}. `manage.py submit --list` names them all.")


class UnknownQueue(TallyError):
    code = "unknown_queue"

    def __init__(self, name: object) -> None:
        queues = ", ".join(conf.current().QUEUES)
        super().__init__(f"No queue is called {name!r}. There are: {queues}.")


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """What `@task` was told."""

    queue: str = "default"
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    retry_on: tuple[type[BaseException], ...] = (Exception,)
    discard_on: tuple[type[BaseException], ...] = ()
    sensitive: bool = False
    idempotent: bool = False
    example: dict[str, Any] | None = None
    runbook: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class TaskSpec:
    name: str
    options: TaskOptions
    schema: PayloadSchema
    time_limit_seconds: float | None
    soft_time_limit_seconds: float | None

    @property
    def max_retries(self) -> int | None:
        return self.options.policy.max_retries


_specs: dict[str, tuple[Task[Any, Any], TaskSpec]] = {}

# They are shown what `discover` finds under a task's name, and may make a task of it.
claimants: list[Callable[[object], None]] = []


def find(name: str) -> TaskSpec | None:
    task = _task(name)
    return spec_of(task) if task is not None else None


def get(name: str) -> TaskSpec:
    spec = find(name)
    if spec is None:
        raise UnknownTask(name)
    return spec


def every() -> list[TaskSpec]:
    """All tasks but Celery's own."""
    load()
    return [spec_of(task) for name, task in sorted(current_app.tasks.items()) if not name.startswith("celery.")]


def spec_of(task: Task[Any, Any]) -> TaskSpec:
    known = _specs.get(task.name)
    if known is not None and known[0] is task:
        return known[1]
    spec = TaskSpec(
        name=task.name,
        options=getattr(task, "tally", None) or _read_celery_options(task),
        schema=PayloadSchema.of(task.run, name=task.name),
        time_limit_seconds=task.time_limit,
        soft_time_limit_seconds=task.soft_time_limit,
    )
    _specs[task.name] = (task, spec)
    return spec


def known_queue(name: object) -> str:
    if not isinstance(name, str) or name not in conf.current().QUEUES:
        raise UnknownQueue(name)
    return name


def _task(name: str) -> Task[Any, Any] | None:
    tasks = get_current_app().tasks  # the proxy asks for the app at each step
    task = tasks.get(name)
    if task is None:
        load()
        task = tasks.get(name)
    return task


def discover(name: str) -> Task[Any, Any] | None:
    """For workers: a task in a module of an installed app that nobody has imported yet, its name being its path."""
    task = _task(name)
    if task is None and apps.ready and apps.get_containing_app_config(name) is not None:
        try:
            found = _import_path(name)
        except Exception:  # somebody's module, which may raise anything while it is imported
            logger.exception("The task %s can't be had: importing its module failed.", name)
            return None
        for claim in claimants:
            claim(found)
        task = current_app.tasks.get(name)
    return task


def _import_path(path: str) -> object:
    """What the path leads to: a module, then attributes. None where it leads nowhere."""
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:length])
        try:
            found: object = import_module(module)
        except ModuleNotFoundError as error:
            if not f"{module}.".startswith(f"{error.name}."):
                raise
            continue
        for name in parts[length:]:
            found = getattr(found, name, None)
        return found
    return None


@cache
def load() -> None:
    """Import every task module, as a worker does. Celery's own way would run Django's system checks each time."""
    autodiscover_modules("tasks")
    for module in current_app.conf.imports or ():
        import_module(module)


def _read_celery_options(task: Task[Any, Any]) -> TaskOptions:
    """Celery's options mean what they mean in Celery: without `autoretry_for`, an exception is not retried."""
    retry_on = tuple(getattr(task, "autoretry_for", ()) or ())
    return TaskOptions(
        queue=_celery_queue(task),
        policy=_celery_policy(task),
        retry_on=retry_on,
        discard_on=tuple(getattr(task, "dont_autoretry_for", ()) or ()),
    )


def _celery_policy(task: Task[Any, Any]) -> RetryPolicy:
    backoff = getattr(task, "retry_backoff", False)
    delay = getattr(task, "retry_kwargs", {}).get("countdown", task.default_retry_delay)
    max_retries = getattr(task, "retry_kwargs", {}).get("max_retries", task.max_retries)
    if not backoff:
        return RetryPolicy(max_retries=max_retries, fixed_seconds=float(delay))
    return RetryPolicy(
        max_retries=max_retries,
        factor=float(max(1, int(backoff))),
        first_exponent=0,
        cap_seconds=float(getattr(task, "retry_backoff_max", 600)),
        jitter=Jitter.FULL if getattr(task, "retry_jitter", True) else Jitter.NONE,
    )


def _celery_queue(task: Task[Any, Any]) -> str:
    named = getattr(task, "queue", None)
    if named is None:
        route = current_app.amqp.router.route({}, task.name)
        named = getattr(route.get("queue"), "name", route.get("queue"))
    return known_queue(named or conf.current().QUEUES[0])
