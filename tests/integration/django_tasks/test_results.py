"""Results are read from the rows: every state, every attempt."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from jobs.domain.states import FINAL, Outcome, State
from jobs.models import Attempt, Job
from jobs.shortcuts import submit
from tests.support.django_tasks import (
    TaskResultDoesNotExist,
    TaskResultMismatch,
    TaskResultStatus,
    default_task_backend,
)
from tests.support.press import tasks

T0 = datetime(2026, 2, 3, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def put(job: Job, state: State, *outcomes: Outcome, error: str = "ValueError", **values: Any) -> Job:
    """Bring the row, and one attempt for each outcome, into a state that the table allows."""
    attempts = len(outcomes)
    running = bool(outcomes) and outcomes[-1] is Outcome.RUNNING
    for number, outcome in enumerate(outcomes, start=1):
        is_over, is_wrong = outcome is not Outcome.RUNNING, outcome not in {Outcome.RUNNING, Outcome.SUCCEEDED}
        Attempt.objects.create(
            job=job,
            number=number,
            outcome=outcome,
            worker=f"worker{number}@host",
            started_at=T0 + 10 * number * SECOND,
            finished_at=T0 + (10 * number + 5) * SECOND if is_over else None,
            error_type=error if is_wrong else "",
            error="told" if is_wrong else "",
            traceback=f"Traceback {number}" if is_wrong else "",
        )
    values = {
        "state": state,
        "attempt": attempts,
        "closed": attempts - running,
        "run_at": T0,
        "finished_at": T0 + 60 * SECOND if state in FINAL else None,
        **values,
    }
    Job.objects.filter(id=job.id).update(**values)
    return job


def enqueued() -> Job:
    return Job.objects.get(id=tasks.add.enqueue(1, b=2).id)


def result_of(job: Job) -> Any:
    return tasks.add.get_result(str(job.id))


@pytest.mark.parametrize(
    ("state", "outcomes", "status"),
    [
        (State.SCHEDULED, (), TaskResultStatus.READY),
        (State.QUEUED, (), TaskResultStatus.READY),
        (State.RETRYING, (Outcome.FAILED,), TaskResultStatus.READY),
        (State.RUNNING, (Outcome.RUNNING,), TaskResultStatus.RUNNING),
        (State.SUCCEEDED, (Outcome.SUCCEEDED,), TaskResultStatus.SUCCESSFUL),
        (State.DEAD, (Outcome.FAILED,), TaskResultStatus.FAILED),
        (State.CANCELLED, (), TaskResultStatus.FAILED),
        (State.EXPIRED, (), TaskResultStatus.FAILED),
    ],
)
def test_every_state_has_a_status(state: State, outcomes: tuple[Outcome, ...], status: TaskResultStatus) -> None:
    result = result_of(put(enqueued(), state, *outcomes))
    assert result.status == status
    assert result.is_finished == (state in FINAL)
    assert bool(result.errors) == (status == TaskResultStatus.FAILED or state is State.RETRYING)


def test_the_result_tells_each_attempt_its_worker_and_its_error() -> None:
    result = result_of(put(enqueued(), State.DEAD, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.FAILED))
    assert result.worker_ids == ["worker1@host", "worker2@host", "worker3@host"]
    assert result.attempts == 3
    assert [error.traceback for error in result.errors] == ["Traceback 1", "Traceback 2", "Traceback 3"]
    assert [error.exception_class for error in result.errors] == [ValueError] * 3


def test_the_times_are_of_the_first_start_the_last_start_and_the_end() -> None:
    job = put(enqueued(), State.SUCCEEDED, Outcome.FAILED, Outcome.SUCCEEDED, result=3)
    result = result_of(job)
    assert result.enqueued_at == job.created_at
    assert (result.started_at, result.last_attempted_at) == (T0 + 10 * SECOND, T0 + 20 * SECOND)
    assert result.finished_at == T0 + 60 * SECOND


def test_a_running_attempt_counts_and_has_no_error() -> None:
    result = result_of(put(enqueued(), State.RUNNING, Outcome.FAILED, Outcome.RUNNING))
    assert (result.attempts, len(result.errors), result.finished_at) == (2, 1, None)


@pytest.mark.parametrize(
    ("error", "path"),
    [
        ("ValueError", "builtins.ValueError"),
        ("tests.support.press.marks.Flaky", "tests.support.press.marks.Flaky"),
        ("WorkerLost", "jobs.django_tasks.errors.WorkerLost"),
        ("TimeLimitExceeded", "jobs.django_tasks.errors.TimeLimitExceeded"),
        ("Interrupted", "jobs.django_tasks.errors.Interrupted"),
        ("UnknownTask", "jobs.django_tasks.errors.UnknownTask"),
        ("Undecodable", "jobs.django_tasks.errors.Undecodable"),
        ("jobs.execution.context.Cancelled", "jobs.execution.context.Cancelled"),
    ],
)
def test_every_error_has_a_class(error: str, path: str) -> None:
    [told] = result_of(put(enqueued(), State.DEAD, Outcome.LOST, error=error)).errors
    assert told.exception_class_path == path
    assert issubclass(told.exception_class, BaseException)


def test_a_job_cancelled_before_it_started_says_by_whom_and_why() -> None:
    job = put(enqueued(), State.CANCELLED, cancel_requested_by="ann", cancel_reason="not needed")
    [error] = result_of(job).errors
    assert (error.exception_class.__name__, error.traceback) == ("Cancelled", "cancelled by ann: not needed")


def test_a_job_cancelled_between_two_attempts_has_both_errors() -> None:
    result = result_of(put(enqueued(), State.CANCELLED, Outcome.FAILED))
    assert [error.exception_class.__name__ for error in result.errors] == ["ValueError", "Cancelled"]


def test_an_expired_job_says_so() -> None:
    [error] = result_of(put(enqueued(), State.EXPIRED, expires_at=T0)).errors
    assert error.exception_class.__name__ == "Expired"
    assert "2026-02-03 00:00:00 UTC" in error.traceback


def test_a_return_value_is_there_when_the_job_has_succeeded() -> None:
    assert result_of(put(enqueued(), State.SUCCEEDED, Outcome.SUCCEEDED, result=[1, None])).return_value == [1, None]


def test_a_return_value_of_none_is_a_return_value() -> None:
    assert result_of(put(enqueued(), State.SUCCEEDED, Outcome.SUCCEEDED)).return_value is None


@pytest.mark.parametrize(
    ("state", "outcome", "why"),
    [
        (State.DEAD, Outcome.FAILED, "Task failed"),
        (State.RUNNING, Outcome.RUNNING, "Task has not finished yet"),
        (State.RETRYING, Outcome.FAILED, "Task has not finished yet"),
    ],
)
def test_without_success_there_is_no_return_value(state: State, outcome: Outcome, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        _ = result_of(put(enqueued(), state, outcome)).return_value


# --- Finding and refreshing ------------------------------------------------------------------------------------------


def test_a_result_is_found_by_its_task_and_by_the_backend() -> None:
    result = tasks.add.enqueue(1, b=2)
    assert tasks.add.get_result(result.id) == result
    assert default_task_backend.get_result(result.id) == result
    assert async_to_sync(tasks.add.aget_result)(result.id) == result
    assert async_to_sync(default_task_backend.aget_result)(result.id) == result


def test_another_functions_result_is_a_mismatch() -> None:
    result = tasks.meaning.enqueue()
    with pytest.raises(TaskResultMismatch):
        tasks.add.get_result(result.id)
    with pytest.raises(TaskResultMismatch):
        async_to_sync(tasks.add.aget_result)(result.id)


@pytest.mark.parametrize("id_", ["0e90d367-28ae-479f-aa07-0198dd74687b", "no-uuid", "", "x" * 64])
def test_an_unknown_id_is_no_result(id_: str) -> None:
    with pytest.raises(TaskResultDoesNotExist):
        default_task_backend.get_result(id_)
    with pytest.raises(TaskResultDoesNotExist):
        async_to_sync(tasks.add.aget_result)(id_)


def test_a_job_that_is_no_function_of_the_framework_is_no_result() -> None:
    job = submit("noop")
    with pytest.raises(TaskResultDoesNotExist):
        default_task_backend.get_result(str(job.id))


def test_a_function_that_is_gone_has_no_result() -> None:
    job = enqueued()
    Job.objects.update(task="tests.support.press.tasks.gone")
    with pytest.raises(TaskResultDoesNotExist):
        default_task_backend.get_result(str(job.id))


def test_refreshing_shows_what_has_happened_since() -> None:
    result = tasks.add.enqueue(1, b=2)
    put(Job.objects.get(), State.SUCCEEDED, Outcome.FAILED, Outcome.SUCCEEDED, result=3)
    assert result.status == TaskResultStatus.READY
    result.refresh()
    assert (result.status, result.return_value, result.attempts) == (TaskResultStatus.SUCCESSFUL, 3, 2)
    assert len(result.errors) == 1
    assert None not in {result.started_at, result.last_attempted_at, result.finished_at}


def test_refreshing_works_in_async_code() -> None:
    result = tasks.add.enqueue(1)
    put(Job.objects.get(), State.SUCCEEDED, Outcome.SUCCEEDED, result=2)
    async_to_sync(result.arefresh)()
    assert result.return_value == 2


def test_a_result_remembers_how_it_was_enqueued() -> None:
    later = datetime(2099, 1, 1, tzinfo=UTC)
    used = tasks.by_position.using(priority=7, queue_name="low", run_after=later)
    result = default_task_backend.get_result(used.enqueue(1, 2, c=3).id)
    assert result.task == used
    assert (result.args, result.kwargs) == ([1, 2], {"c": 3})


def test_a_payload_that_an_operator_has_edited_shows_as_it_is_now() -> None:
    result = tasks.add.enqueue(1, 2)
    Job.objects.update(payload={"a": 5, "b": 6})
    assert tasks.add.get_result(result.id).args == [5, 6]
    Job.objects.update(payload={"b": 6})
    assert (tasks.add.get_result(result.id).args, tasks.add.get_result(result.id).kwargs) == ([], {"b": 6})


def test_a_job_from_another_road_has_a_result_too() -> None:
    job = submit("tests.support.press.tasks.add", a=1, b=2)
    result = default_task_backend.get_result(str(job.id))
    assert (result.task, result.args, result.kwargs) == (tasks.add, [], {"a": 1, "b": 2})


def test_a_result_from_settings_that_are_gone_can_still_be_read() -> None:
    result = tasks.add.using(queue_name="low").enqueue(1)
    only_default = {"default": {"BACKEND": "jobs.django_tasks.TallyBackend"}}
    with override_settings(TASKS=only_default):
        assert default_task_backend.get_result(result.id).task == tasks.add


def test_reading_a_result_costs_two_queries() -> None:
    job = put(enqueued(), State.DEAD, *[Outcome.FAILED] * 5)
    with CaptureQueriesContext(connection) as queries:
        result_of(job)
    assert len(queries) == 2
