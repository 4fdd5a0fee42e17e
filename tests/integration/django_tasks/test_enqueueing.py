"""Enqueueing is submitting: a row in the caller's transaction, a message when it has committed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.domain.states import Source, State
from jobs.intake.storable import NotStorable, TooLarge
from jobs.models import Job
from tests.support import messages
from tests.support.django_tasks import (
    InvalidTask,
    TaskResultStatus,
    default_task_backend,
    task_backends,
    task_enqueued,
)
from tests.support.press import tasks

committing = pytest.mark.django_db(transaction=True)


def test_an_enqueued_function_is_a_row_that_names_it() -> None:
    result = tasks.add.enqueue(1, b=2)
    job = Job.objects.get()
    assert (str(job.id), job.task, job.source) == (result.id, "tests.support.press.tasks.add", Source.TASKS)
    assert (job.queue, job.state, job.max_retries) == ("default", State.QUEUED, 3)


def test_the_result_says_what_was_asked_for() -> None:
    before = timezone.now()
    result = tasks.add.enqueue(1, b=2)
    assert result.task == tasks.add
    assert (result.status, result.is_finished, result.attempts) == (TaskResultStatus.READY, False, 0)
    assert (result.args, result.kwargs, result.backend) == ([1], {"b": 2}, "default")
    assert before <= (result.enqueued_at or before) <= timezone.now()
    assert (result.started_at, result.last_attempted_at, result.finished_at) == (None, None, None)
    assert (result.errors, result.worker_ids) == ([], [])
    assert isinstance(result.id, str)
    assert len(result.id) < 64


def test_the_row_names_arguments_that_were_given_by_position() -> None:
    tasks.add.enqueue(1, 2)
    job = Job.objects.get()
    assert (job.args, job.payload) == ([], {"a": 1, "b": 2})


def test_a_function_without_names_for_its_arguments_keeps_their_places() -> None:
    result = tasks.echo.enqueue(1, [2], three=3)
    job = Job.objects.get()
    assert (job.args, job.payload) == ([1, [2]], {"three": 3})
    assert (result.args, result.kwargs) == ([1, [2]], {"three": 3})


def test_the_context_is_no_argument_of_the_caller() -> None:
    tasks.recover.enqueue(2)
    assert Job.objects.get().payload == {"failures": 2}


@committing
def test_the_message_is_published_when_the_transaction_has_committed() -> None:
    with transaction.atomic():
        result = tasks.meaning.enqueue()
        assert messages.raw() == []
    assert messages.ids() == [result.id]


@committing
def test_a_rolled_back_transaction_leaves_nothing() -> None:
    def fail() -> None:
        with transaction.atomic():
            tasks.meaning.enqueue()
            assert Job.objects.exists()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not Job.objects.exists()
    assert messages.raw() == []


@committing
def test_enqueueing_on_commit_works_too() -> None:
    with transaction.atomic():
        transaction.on_commit(tasks.meaning.enqueue)
        assert not Job.objects.exists()
    assert messages.ids() == [str(Job.objects.get().id)]


@committing
def test_a_task_is_enqueued_from_async_code() -> None:
    from asgiref.sync import async_to_sync

    result = async_to_sync(tasks.add.aenqueue)(1, b=2)
    assert messages.ids() == [result.id]
    assert (result.args, result.kwargs) == ([1], {"b": 2})


def test_enqueueing_costs_one_query() -> None:
    tasks.add.enqueue(1)
    with CaptureQueriesContext(connection) as queries:
        tasks.add.enqueue(2)
    assert len(queries) == 1


def test_a_backend_enqueues_too() -> None:
    result = default_task_backend.enqueue(tasks.echo, [1], {"two": 3})
    assert (result.args, result.kwargs) == ([1], {"two": 3})
    assert task_backends["default"].get_result(result.id) == result


# --- When, where -----------------------------------------------------------------------------------------------------


def test_run_after_makes_a_scheduled_job() -> None:
    later = timezone.now() + timedelta(hours=1)
    result = tasks.meaning.using(run_after=later).enqueue()
    job = Job.objects.get()
    assert (job.state, job.run_at) == (State.SCHEDULED, later)
    assert (result.status, result.task.run_after) == (TaskResultStatus.READY, later)
    assert messages.raw() == []


@committing
def test_a_run_after_that_has_passed_means_now() -> None:
    result = tasks.meaning.using(run_after=timezone.now() - timedelta(hours=1)).enqueue()
    assert messages.ids() == [result.id]


def test_a_naive_run_after_is_refused() -> None:
    with pytest.raises(InvalidTask, match="aware"):
        tasks.meaning.using(run_after=datetime(2099, 1, 1))  # noqa: DTZ001  (that is what is refused)


def test_a_naive_run_after_is_local_time_in_a_project_without_time_zones() -> None:
    with override_settings(USE_TZ=False, TIME_ZONE="Europe/Berlin"):
        declared = tasks.meaning.using(run_after=datetime(2099, 1, 1, 12))  # noqa: DTZ001  (Django without USE_TZ)
        draft = default_task_backend._draft(declared, [], {}, now=datetime.now(UTC))  # type: ignore[attr-defined]  # ours
    assert draft.run_at == datetime(2099, 1, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("priority", "queue"), [(100, "high"), (1, "high"), (0, "default"), (-1, "low"), (-100, "low")]
)
def test_the_priority_chooses_the_queue(priority: int, queue: str) -> None:
    result = tasks.meaning.using(priority=priority).enqueue()
    assert Job.objects.get().queue == queue
    assert result.task.priority == priority
    assert tasks.meaning.get_result(result.id).task.priority == priority


@pytest.mark.parametrize(("task", "queue"), [(tasks.urgent, "high"), (tasks.idle, "low"), (tasks.on_a_queue, "low")])
def test_a_declaration_chooses_the_queue(task: Any, queue: str) -> None:
    task.enqueue()
    assert Job.objects.get().queue == queue


@pytest.mark.parametrize("priority", [101, -101, 1.5])
def test_a_priority_out_of_bounds_is_refused(priority: Any) -> None:
    with pytest.raises(InvalidTask, match="priority must be a whole number between -100 and 100"):
        tasks.meaning.using(priority=priority)


def test_a_queue_nobody_serves_is_refused() -> None:
    with pytest.raises(InvalidTask, match="Queue 'nowhere' is not valid"):
        tasks.meaning.using(queue_name="nowhere")


def test_using_leaves_the_declared_task_alone() -> None:
    tasks.meaning.using(priority=7, queue_name="low", run_after=timezone.now())
    assert (tasks.meaning.priority, tasks.meaning.queue_name, tasks.meaning.run_after) == (0, "default", None)


def test_options_of_the_function_go_with_its_jobs() -> None:
    tasks.once.enqueue("no")
    tasks.secret.enqueue("4111")
    assert Job.objects.get(task=tasks.once.module_path).max_retries == 0
    assert Job.objects.get(task=tasks.secret.module_path).sensitive


# --- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=UTC), {1, 2}, object(), [object()], {"a": object()}])
def test_what_is_no_json_is_refused_with_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError, match="Unsupported type"):
        tasks.echo.enqueue(value)
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("value", "error"),
    [("nul \x00", NotStorable), (float("nan"), NotStorable), ("\ud800", NotStorable), ("x" * 300_000, TooLarge)],
)
def test_what_no_database_keeps_is_refused(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        tasks.echo.enqueue(value)
    assert not Job.objects.exists()


def test_an_argument_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="contains itself"):
        tasks.echo.enqueue(endless)


def test_tuples_come_as_lists_and_bytes_as_text() -> None:
    result = tasks.echo.enqueue((1, 2), b"abc")
    assert result.args == [[1, 2], "abc"]


@pytest.mark.parametrize(
    ("args", "kwargs", "why"),
    [
        ((), {}, "missing a required argument: 'a'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"c": 1}, "unexpected keyword argument 'c'"),
        ((1,), {"a": 1}, "multiple values for argument 'a'"),
    ],
)
def test_a_call_that_python_would_refuse_is_refused(args: Any, kwargs: Any, why: str) -> None:
    with pytest.raises(TypeError, match=f"tests.support.press.tasks.add can't be called like this: .*{why}"):
        tasks.add.enqueue(*args, **kwargs)
    assert not Job.objects.exists()


def test_annotations_are_not_enforced_as_on_every_other_backend() -> None:
    untyped: Any = tasks.add
    assert untyped.enqueue("1", "2").args == ["1", "2"]


# --- Word of it ------------------------------------------------------------------------------------------------------


def test_the_signal_is_sent_by_the_backends_class(signals: list[Any]) -> None:
    result = tasks.meaning.enqueue()
    assert signals == [("enqueued", type(task_backends["default"]), result, "READY")]


def test_a_receiver_that_fails_takes_the_enqueueing_back() -> None:
    """As with the framework's own backends: the caller hears of it, and its transaction decides."""

    def fail(**_kwargs: Any) -> None:
        raise ZeroDivisionError

    def enqueue() -> None:
        with transaction.atomic():
            tasks.meaning.enqueue()

    task_enqueued.connect(fail)
    try:
        with pytest.raises(ZeroDivisionError):
            enqueue()
    finally:
        task_enqueued.disconnect(fail)
    assert not Job.objects.exists()
