"""The backend that `TASKS` names: enqueues functions as jobs in the caller's transaction, and answers from their rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from celery import current_app
from celery._state import get_current_worker_task
from django.core.checks import CheckMessage, Error
from django.utils import timezone

from jobs import conf
from jobs.django_tasks import arguments, choices, functions, queues, results
from jobs.django_tasks.framework import (
    DEFAULT_TASK_QUEUE_NAME,
    AnyResult,
    AnyTask,
    BaseTaskBackend,
    InvalidTask,
    InvalidTaskBackend,
    TaskResultDoesNotExist,
    task_enqueued,
)
from jobs.django_tasks.results import Enqueued
from jobs.domain.actors import CODE
from jobs.domain.states import Source
from jobs.execution import eager
from jobs.intake import calls, drafts, registry, submission
from jobs.intake.drafts import Draft
from jobs.models import Job


class TallyBackend(BaseTaskBackend):
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        """Never raises for what `check` will say better."""
        self._queues_given = params.get("QUEUES", [DEFAULT_TASK_QUEUE_NAME])
        self._options_given = params.get("OPTIONS", {})
        are_names = _are_names(self._queues_given)
        super().__init__(alias, {**params, "QUEUES": self._queues_given if are_names else []})
        given = self._options_given if isinstance(self._options_given, Mapping) else {}
        self.chosen = {name: value for name, value in given.items() if name != "queues"}
        carriers = given.get("queues", {})
        self.carriers: Mapping[str, str] = carriers if isinstance(carriers, Mapping) else {}

    def validate_task(self, task: AnyTask) -> None:
        """A valid task is known to Celery from its declaration on, so that a worker need only import its module."""
        super().validate_task(task)
        self._queue_of(task)
        functions.register(task)

    def enqueue(self, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        self.validate_task(task)
        self._refuse_wrong_settings()
        now = timezone.now()
        draft = self._draft(task, *arguments.accept(task, args, kwargs), now=now)
        is_eager = bool(current_app.conf.task_always_eager)
        job = (
            _insert_unpublished(draft, now=now) if is_eager else submission.submit(draft, source=Source.TASKS, now=now)
        )
        result = results.of_job(job, task, [])
        task_enqueued.send(sender=type(self), task_result=result)
        if is_eager:
            _run_to_the_end(current_app.tasks[job.task], job)
            result.refresh()
        return result

    def get_result(self, result_id: str) -> AnyResult:
        job = _find_job(result_id)
        declared = functions.find(job.task) if job is not None else None
        if job is None or declared is None:
            raise TaskResultDoesNotExist(f"No result of a task has the id {result_id!r}.")
        return results.of_job(job, declared, list(job.attempts.all()))

    def check(self, **_kwargs: Any) -> list[CheckMessage]:
        return [*self._check_queues(), *self._check_options()]

    def _draft(self, task: AnyTask, args: list[Any], kwargs: dict[str, Any], *, now: datetime) -> Draft:
        """Arguments are named where they can be, so that people can read and edit them."""
        enqueued = Enqueued.of(task, positional=len(args), now=now)
        named_args, named = registry.get(task.module_path).schema.name_arguments(args, kwargs)
        run_after = task.run_after
        if run_after is not None and timezone.is_naive(run_after):
            run_after = timezone.make_aware(run_after)
        how = {"queue": self._queue_of(task), "eta": run_after, "headers": enqueued.header(), "trusted": True}
        parent = get_current_worker_task()
        draft = calls.draft_of_call(task.module_path, named_args, named, how, parent=parent, now=now)
        return replace(draft, max_retries=choices.choose_for(task.func, self.chosen).max_retries)

    def _queue_of(self, task: AnyTask) -> str:
        queue = queues.queue_of(task, self.carriers)
        if queue is None:
            raise InvalidTask(f"Queue '{task.queue_name}' is not valid for backend. {_how_to_map(task.queue_name)}")
        return queue

    def _refuse_wrong_settings(self) -> None:
        problems = [str(problem.msg) for problem in self._check_options()] if self._options_given else []
        if problems:
            raise InvalidTaskBackend(" ".join(problems))

    def _check_queues(self) -> Iterable[CheckMessage]:
        if not _are_names(self._queues_given):
            yield self._error(
                11,
                f"QUEUES is {self._queues_given!r}.",
                "Give a list of names; an empty one allows every queue there is.",
            )
            return
        for name in sorted(self.queues):
            if name != DEFAULT_TASK_QUEUE_NAME and name not in {*conf.current().QUEUES, *self.carriers}:
                yield self._error(12, f"QUEUES names {name!r}, which no queue of Tally carries.", _how_to_map(name))

    def _check_options(self) -> Iterable[CheckMessage]:
        if not isinstance(self._options_given, Mapping):
            yield self._error(13, f"OPTIONS is {self._options_given!r}.", "Give a dict.")
            return
        for problem in choices.problems_of(self.chosen) + choices.unknown_exceptions(self.chosen):
            yield self._error(13, f"OPTIONS: {problem}", "docs/django-tasks.md lists the options.")
        carriers = self._options_given.get("queues", {})
        if not isinstance(carriers, Mapping):
            yield self._error(14, f"OPTIONS: queues is {carriers!r}.", 'Give a dict such as {"emails": "high"}.')
            return
        for name, carrier in carriers.items():
            if carrier not in conf.current().QUEUES:
                there_are = ", ".join(conf.current().QUEUES)
                yield self._error(14, f"OPTIONS: queues sends {name!r} to {carrier!r}.", f"There are: {there_are}.")
            elif self.queues and name not in self.queues:
                yield self._error(14, f"OPTIONS: queues has {name!r}, which QUEUES does not.", "Add it to QUEUES.")

    def _error(self, number: int, message: str, hint: str) -> Error:
        return Error(f"TASKS[{self.alias!r}]: {message}", hint=hint, id=f"taskqueue.E{number:03}")


def _are_names(given: Any) -> bool:
    is_list = isinstance(given, list | tuple | set | frozenset)
    return is_list and all(isinstance(name, str) and name for name in given)


def _how_to_map(name: str) -> str:
    there_are = ", ".join(conf.current().QUEUES)
    return f"Say which carries it, as in OPTIONS = {{'queues': {{{name!r}: 'low'}}}}. There are: {there_are}."


def _find_job(result_id: str) -> Job | None:
    try:
        id_ = UUID(str(result_id))
    except ValueError:
        return None
    return Job.objects.filter(id=id_).prefetch_related("attempts").first()


def _insert_unpublished(draft: Draft, *, now: datetime) -> Job:
    job = drafts.make_job(draft, actor=CODE, source=Source.TASKS, now=now)
    return submission.insert_unpublished([job], scope=CODE.name, now=now)[0]


def _run_to_the_end(job_task: Any, job: Job) -> None:
    """What CELERY_TASK_ALWAYS_EAGER asks for: here, now, retries without waiting."""
    while not job.is_final:
        eager.run_attempt(job_task, job)
        job.refresh_from_db()
