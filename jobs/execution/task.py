"""The class of every task: Celery's, with each call made a submission and each run an attempt."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from celery._state import get_current_worker_task
from celery.app.task import Task
from celery.app.trace import build_tracer
from celery.exceptions import MaxRetriesExceededError
from celery.exceptions import Retry as CeleryRetry
from celery.result import AsyncResult
from django.utils import timezone

from jobs.domain.actors import CODE
from jobs.domain.states import Source
from jobs.execution import eager, runner, turn
from jobs.execution.errors import ReplaceRefused
from jobs.execution.ledger import SqlLedger
from jobs.intake import calls, registry, submission
from jobs.intake.calls import OptionRefused
from jobs.intake.drafts import Draft, draft_of
from jobs.models import Job


class JobTask(Task[Any, Any]):
    abstract = True
    Request = "jobs.execution.request:JobRequest"
    Strategy = "jobs.execution.strangers:receive"

    def submit(self, **payload: Any) -> Job:
        """Submit with these arguments; `run_at`, `queue`, `tags` … are options unless the task has such an argument."""
        return submission.submit(self.draft(**payload))

    def draft(self, **payload: Any) -> Draft:
        """The submission, not made yet: for `submit_many`."""
        return draft_of(registry.spec_of(self), payload)

    def apply_async(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> AsyncResult[Any]:
        if self.app.conf.task_always_eager:
            return self.apply(args, kwargs, task_id=options.pop("task_id", None), **options)
        draft = calls.draft_of_call(
            self.name,
            args,
            kwargs,
            {**_declared(self), **options},
            parent=get_current_worker_task(),
            now=timezone.now(),
        )
        job = submission.submit(draft, actor=CODE, source=Source.CODE)
        return self.AsyncResult(str(job.id))

    def apply(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        link: Any = None,
        link_error: Any = None,
        task_id: str | None = None,
        throw: bool | None = None,
        **options: Any,
    ) -> Any:
        """Run at once in this process, rows included."""
        options.update(link=link, link_error=link_error, task_id=task_id)
        return eager.apply(self, args, kwargs, options, throw=throw)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.request.called_directly:
            return self.run(*args, **kwargs)
        if self.request.is_eager:
            run, delivery = eager.run_of(self.request), eager.delivery_of(self.request)
            return runner.run_attempt(self, args, kwargs, run=run, delivery=delivery, ledger=SqlLedger())
        return runner.run_message(self, args, kwargs)

    def retry(
        self,
        args: Any = None,
        kwargs: Any = None,
        exc: BaseException | None = None,
        throw: bool = True,
        eta: datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> CeleryRetry:
        """Celery's `self.retry()`: this attempt fails, the keeper starts the next one."""
        if args is not None or kwargs is not None or options:
            raise OptionRefused(self.name, "self.retry", "a retry has the arguments and the queue of its job.")
        if self.request.called_directly:
            raise exc or CeleryRetry("Task can be retried", None)
        limit = self.max_retries if max_retries is None else max_retries
        if limit is not None and (self.request.retries or 0) >= limit:
            self.request.tally_exhausted = True
            raise exc or MaxRetriesExceededError(f"Can't retry {self.name}[{self.request.id}]: no retry is left")
        if eta is not None:
            countdown = max(0.0, (eta - datetime.now(UTC)) / timedelta(seconds=1))
        wait = self.default_retry_delay if countdown is None else countdown
        asked = CeleryRetry("the task asked to be tried again", exc=exc, when=wait)
        asked.max_retries = limit
        if throw:
            raise asked
        self.request.tally_retry = asked
        return asked

    def __trace__(self, *call: Any) -> Any:
        """A pool's process builds this for every task it has when it starts; this one's module was imported later."""
        trace = turn.with_turns(self, build_tracer(self.name, self, self.app.loader, app=self.app))
        setattr(self, "__trace__", trace)  # noqa: B010  (Celery calls it on the instance; mypy sees a method)
        return trace(*call)

    def replace(self, *_args: Any, **_options: Any) -> NoReturn:
        raise ReplaceRefused(
            f"{self.name} called self.replace(), which a job can't do: its id stands for one task. "
            "Submit the other task and return its id, or link it."
        )

    add_to_chord = replace


def _declared(task: JobTask) -> dict[str, Any]:
    """What Celery lets a task declare about its calls. Its time limits are known to the worker anyway."""
    return {name: getattr(task, name, None) for name in ("queue", "routing_key", "expires")}
