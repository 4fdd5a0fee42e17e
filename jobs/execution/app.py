"""The Celery application class: its tasks are jobs, and `send_task` is a submission like every other.

It is made before Django has loaded its models, so whatever needs those is named or imported late.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from celery import Celery
from celery.app.registry import TaskRegistry
from celery.app.task import Task
from celery.result import AsyncResult

from jobs.domain.errors import TallyError


class DuplicateTask(TallyError):
    code = "duplicate_task"


class LateTasks(TaskRegistry):
    """Celery's registry; a pool's process, forked long ago, may meet a task whose module it has not imported."""

    def __missing__(self, name: str) -> Task[Any, Any]:
        from jobs.intake import registry

        task = registry.discover(name)
        if task is None or name not in self:
            raise self.NotRegistered(name)
        return task


class TallyApp(Celery):
    task_cls = "jobs.execution.task:JobTask"
    registry_cls = LateTasks

    def on_init(self) -> None:
        self.steps["worker"].add("jobs.execution.steps:Life")
        self.steps["consumer"].add("jobs.execution.steps:Strangers")

    def send_task(
        self,
        name: str,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> AsyncResult[Any]:
        """Submit by name. The task must be known in this process."""
        from jobs.execution import sending

        return sending.send(self, name, args, kwargs, options)

    def connection_for_read(self, url: str | None = None, **options: Any) -> Any:
        """What workers take messages from: a transport that no message ends."""
        return super().connection_for_read(url, **{"transport": "jobs.execution.transport:Transport", **options})

    def producer_or_acquire(self, producer: Any = None) -> AbstractContextManager[Any]:
        """Canvas asks for one before it calls its tasks; nothing is sent through it."""
        return nullcontext(producer)

    def _task_from_fun(self, fun: Any, name: str | None = None, **options: Any) -> Task[Any, Any]:
        """As Celery's, but two functions of one name are an error at start, not a silent choice."""
        name = name or self.gen_task_name(fun.__name__, fun.__module__)
        existing = self._tasks.get(name)
        if existing is not None and _origin(existing.run) != _origin(fun):
            raise DuplicateTask(
                f"Two tasks are called {name!r}: {_origin(existing.run)} and {_origin(fun)}. Give one another name=."
            )
        return super()._task_from_fun(fun, name=name, **options)


def _origin(function: Any) -> str:
    function = getattr(function, "__wrapped__", function)
    return f"{function.__module__}.{function.__qualname__}"
