"""Functions run, here at once in the test's process: contexts, coroutines, errors, signals."""

from typing import Any

import pytest

from dlq.models import DeadLetter
from jobs.django_tasks import TallyBackend
from jobs.execution.errors import ResultNotKept
from jobs.intake import registry
from jobs.models import Attempt, Job
from jobs.shortcuts import submit
from tests.support.django_tasks import (
    TaskResultStatus,
    task_finished,
    task_started,
)
from tests.support.press import tasks

pytestmark = pytest.mark.usefixtures("at_once")


def test_a_function_runs_and_returns_its_value() -> None:
    result = tasks.add.enqueue(1, b=2)
    assert (result.status, result.return_value) == (TaskResultStatus.SUCCESSFUL, 3)
    assert (result.attempts, len(result.worker_ids), result.errors) == (1, 1, [])
    assert Attempt.objects.get().worker == result.worker_ids[0]


def test_arguments_arrive_as_they_were_given() -> None:
    assert tasks.echo.enqueue(1, [2], three={"a": None}).return_value == [[1, [2]], {"three": {"a": None}}]
    assert tasks.by_position.enqueue(1, 2, c=3).return_value == [1, 2, 3]


def test_a_tuple_arrives_as_a_list() -> None:
    result = tasks.double.enqueue((1, 2, 3))
    assert result.status == TaskResultStatus.FAILED
    assert result.errors[0].exception_class is TypeError
    assert "unhashable type: 'list'" in result.errors[0].traceback


def test_a_failing_function_shows_its_error_for_every_attempt() -> None:
    result = tasks.fail.enqueue("as ever")
    assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 4)
    assert [error.exception_class for error in result.errors] == [ValueError] * 4
    assert all("ValueError: as ever" in error.traceback for error in result.errors)
    assert len(result.worker_ids) == 4


def test_a_job_that_dies_leaves_a_dead_letter_under_the_functions_name() -> None:
    tasks.once.enqueue("as ever")
    letter = DeadLetter.objects.get()
    assert letter.job.task == "tests.support.press.tasks.once"
    assert letter.error_type == "ValueError"


def test_the_context_counts_attempts_and_knows_those_before() -> None:
    result = tasks.recover.using(priority=5).enqueue(failures=2)
    assert result.status == TaskResultStatus.SUCCESSFUL
    told = result.return_value
    assert told is not None
    worker = Attempt.objects.values_list("worker", flat=True).first()
    assert told == {
        "id": result.id,
        "attempt": 3,
        "status": "RUNNING",
        "errors": ["builtins.LookupError"] * 2,
        "workers": [worker] * 3,
        "args": [],
        "kwargs": {"failures": 2},
        "path": "tests.support.press.tasks.recover",
        "priority": 5,
        "enqueued_at": True,
        "started_before_attempt": True,
    }


def test_the_first_attempt_is_number_one() -> None:
    told = tasks.recover.enqueue(0).return_value
    assert told is not None
    assert (told["attempt"], told["args"], told["errors"]) == (1, [0], [])


def test_a_coroutine_runs_to_its_end_with_database_and_job() -> None:
    result = tasks.count_jobs.enqueue("hello")
    assert result.return_value == {"word": "hello", "jobs": 1, "job": result.id}  # type: ignore[comparison-overlap]


def test_a_coroutine_fails_like_a_function_and_has_its_context() -> None:
    result = tasks.fail_async.enqueue("no")
    assert [error.traceback.splitlines()[-1] for error in result.errors] == [f"ValueError: no {n}" for n in range(1, 5)]


def test_a_return_value_that_is_no_json_fails_without_another_try() -> None:
    result = tasks.return_function.enqueue()
    assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 1)
    [error] = result.errors
    assert issubclass(error.exception_class, TypeError)
    assert "Unsupported type" in error.traceback
    assert DeadLetter.objects.get().reason == "not_retryable"


def test_a_return_value_that_is_too_large_fails_without_another_try() -> None:
    result = tasks.return_large.enqueue(1_100_000)
    assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 1)
    assert result.errors[0].exception_class is ResultNotKept


def test_a_function_that_exits_has_failed() -> None:
    result = tasks.call_exit.enqueue(3)
    assert result.status == TaskResultStatus.FAILED
    assert {error.exception_class for error in result.errors} == {SystemExit}


def test_a_sensitive_function_gets_its_arguments() -> None:
    assert tasks.secret.enqueue("4111").return_value == 4


@pytest.mark.parametrize(("kind", "attempts"), [("flaky", 3), ("hopeless", 1), ("other", 1)])
def test_options_say_which_errors_are_tried_again(kind: str, attempts: int) -> None:
    assert tasks.choosy.enqueue(kind).attempts == attempts


def test_a_function_submitted_by_name_runs_too() -> None:
    job = submit("tests.support.press.tasks.add", a=1, b=2)
    registry.get(job.task)
    assert Job.objects.get().payload == {"a": 1, "b": 2}


def test_a_function_can_still_be_called() -> None:
    assert tasks.add.call(1, 2) == 3
    assert tasks.add.func(1, 2) == 3


# --- Signals ---------------------------------------------------------------------------------------------------------


def test_the_signals_of_a_success_come_in_order(signals: list[Any]) -> None:
    result = tasks.meaning.enqueue()
    assert [(name, sender, status) for name, sender, _, status in signals] == [
        ("enqueued", TallyBackend, "READY"),
        ("started", TallyBackend, "RUNNING"),
        ("finished", TallyBackend, "SUCCESSFUL"),
    ]
    assert {told.id for _, _, told, _ in signals} == {result.id}
    assert signals[-1][2].return_value == 42
    assert None not in {signals[-1][2].started_at, signals[-1][2].finished_at}


def test_every_attempt_starts_and_only_the_last_one_finishes(signals: list[Any]) -> None:
    tasks.fail.enqueue("no")
    assert [name for name, *_ in signals] == ["enqueued", "started", "started", "started", "started", "finished"]
    _, _, finished, status = signals[-1]
    assert (status, finished.attempts) == ("FAILED", 4)
    assert [error.exception_class for error in finished.errors] == [ValueError] * 4


def test_a_success_after_failures_finishes_as_a_success(signals: list[Any]) -> None:
    tasks.recover.enqueue(1)
    assert [name for name, *_ in signals] == ["enqueued", "started", "started", "finished"]
    assert (signals[-1][3], signals[-1][2].attempts) == ("SUCCESSFUL", 2)


@pytest.mark.parametrize("task", [tasks.return_function, tasks.cancel_me])
def test_other_failures_finish_once_too(task: Any, signals: list[Any]) -> None:
    task.enqueue()
    assert [(name, status) for name, _, _, status in signals[1:]] == [("started", "RUNNING"), ("finished", "FAILED")]
    assert len(signals[-1][2].errors) == 1


@pytest.mark.parametrize("signal", [task_started, task_finished])
def test_a_receiver_that_fails_cannot_change_the_outcome(signal: Any) -> None:
    def fail(**_kwargs: Any) -> None:
        raise ZeroDivisionError

    signal.connect(fail)
    try:
        result = tasks.meaning.enqueue()
    finally:
        signal.disconnect(fail)
    assert result.status == TaskResultStatus.SUCCESSFUL
