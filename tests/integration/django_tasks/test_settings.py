"""What TASKS may say: abilities, QUEUES, OPTIONS, several backends; and what `check` says of mistakes."""

from typing import Any

import pytest
from django.test import override_settings

from jobs.django_tasks import TallyBackend, options
from jobs.intake import registry
from jobs.models import Job
from tests.support.django_tasks import (
    InvalidTask,
    InvalidTaskBackend,
    default_task_backend,
    task,
    task_backends,
)
from tests.support.press import tasks

PATH = "jobs.django_tasks.TallyBackend"


def backend(**params: Any) -> TallyBackend:
    return TallyBackend("mine", {"BACKEND": PATH, **params})


def complaints(**params: Any) -> list[tuple[str, str]]:
    return [(str(told.id), str(told.msg)) for told in backend(**params).check()]


def test_the_backend_has_every_ability() -> None:
    abilities = ("supports_defer", "supports_async_task", "supports_get_result", "supports_priority")
    assert all(getattr(default_task_backend, ability) for ability in abilities)


def test_the_projects_own_setting_is_right() -> None:
    assert isinstance(task_backends["default"], TallyBackend)
    assert list(default_task_backend.check()) == []


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"QUEUES": []},
        {"QUEUES": ["high", "default", "low"]},
        {"QUEUES": ["default", "emails"], "OPTIONS": {"queues": {"emails": "high"}}},
        {"OPTIONS": {"max_retries": 5, "backoff_factor": 0.5, "backoff_cap_seconds": 60, "time_limit_seconds": 30}},
        {"OPTIONS": {"max_retries": None, "soft_time_limit_seconds": None, "sensitive": True}},
        {"OPTIONS": {"retry_on": [ConnectionError, "tests.support.press.marks.Flaky"], "discard_on": ()}},
    ],
)
def test_a_right_setting_passes(params: dict[str, Any]) -> None:
    assert complaints(**params) == []


@pytest.mark.parametrize(
    ("params", "id_", "says"),
    [
        ({"QUEUES": "default"}, "taskqueue.E011", "QUEUES is 'default'"),
        ({"QUEUES": None}, "taskqueue.E011", "QUEUES is None"),
        ({"QUEUES": [1]}, "taskqueue.E011", "QUEUES is [1]"),
        ({"QUEUES": ["default", "emails"]}, "taskqueue.E012", "'emails', which no queue of Tally carries"),
        ({"OPTIONS": ["max_retries"]}, "taskqueue.E013", "OPTIONS is"),
        ({"OPTIONS": {"max_retrys": 3}}, "taskqueue.E013", "no option 'max_retrys'"),
        ({"OPTIONS": {"max_retries": -1}}, "taskqueue.E013", "max_retries is -1"),
        ({"OPTIONS": {"max_retries": True}}, "taskqueue.E013", "max_retries is True"),
        ({"OPTIONS": {"max_retries": "3"}}, "taskqueue.E013", "max_retries is '3'"),
        ({"OPTIONS": {"backoff_factor": -0.5}}, "taskqueue.E013", "backoff_factor is -0.5"),
        ({"OPTIONS": {"time_limit_seconds": 0}}, "taskqueue.E013", "time_limit_seconds is 0"),
        ({"OPTIONS": {"sensitive": 1}}, "taskqueue.E013", "sensitive is 1"),
        ({"OPTIONS": {"retry_on": ValueError}}, "taskqueue.E013", "retry_on is"),
        ({"OPTIONS": {"retry_on": [int]}}, "taskqueue.E013", "retry_on is"),
        ({"OPTIONS": {"discard_on": ["no.such.Error"]}}, "taskqueue.E013", "'no.such.Error', which is no exception"),
        ({"OPTIONS": {"queues": "high"}}, "taskqueue.E014", "queues is 'high'"),
        ({"OPTIONS": {"queues": {"default": "nowhere"}}}, "taskqueue.E014", "to 'nowhere'"),
        ({"OPTIONS": {"queues": {"emails": "high"}}}, "taskqueue.E014", "'emails', which QUEUES does not"),
    ],
)
def test_a_wrong_setting_is_named_by_check(params: dict[str, Any], id_: str, says: str) -> None:
    [(found_id, message)] = complaints(**params)
    assert found_id == id_
    assert message.startswith("TASKS['mine']: ")
    assert says in message


def test_nothing_is_enqueued_with_wrong_options() -> None:
    wrong = {"default": {"BACKEND": PATH, "OPTIONS": {"max_retries": -1}}}
    with override_settings(TASKS=wrong), pytest.raises(InvalidTaskBackend, match="max_retries is -1"):
        tasks.meaning.enqueue()
    assert not Job.objects.exists()


def test_options_hold_for_every_function_that_says_nothing_else() -> None:
    with override_settings(TASKS={"default": {"BACKEND": PATH, "OPTIONS": {"max_retries": 7}}}):
        tasks.meaning.enqueue()
        tasks.once.enqueue("no")
    retries = dict(Job.objects.values_list("task", "max_retries"))
    assert retries == {tasks.meaning.module_path: 7, tasks.once.module_path: 0}


def test_retries_without_end_can_be_chosen() -> None:
    with override_settings(TASKS={"default": {"BACKEND": PATH, "OPTIONS": {"max_retries": None}}}):
        tasks.meaning.enqueue()
    assert Job.objects.get().max_retries is None


def test_a_queue_of_the_projects_own_is_carried_by_the_one_it_names() -> None:
    params = {"BACKEND": PATH, "QUEUES": ["default", "emails"], "OPTIONS": {"queues": {"emails": "low"}}}
    with override_settings(TASKS={"default": params}):
        result = tasks.meaning.using(queue_name="emails", priority=100).enqueue()
        assert Job.objects.get().queue == "low"
        assert default_task_backend.get_result(result.id).task.queue_name == "emails"


def test_no_queues_means_every_queue_of_ours() -> None:
    with override_settings(TASKS={"default": {"BACKEND": PATH, "QUEUES": []}}):
        tasks.meaning.using(queue_name="high").enqueue()
        with pytest.raises(InvalidTask, match=r"Queue 'emails' is not valid for backend\. Say which carries it"):
            tasks.meaning.using(queue_name="emails")
    assert Job.objects.get().queue == "high"


def test_a_queue_that_is_not_in_queues_is_refused() -> None:
    with (
        override_settings(TASKS={"default": {"BACKEND": PATH}}),
        pytest.raises(InvalidTask, match="'high' is not valid"),
    ):
        tasks.meaning.using(queue_name="high")


def test_two_backends_have_options_of_their_own() -> None:
    both = {"default": {"BACKEND": PATH}, "patient": {"BACKEND": PATH, "OPTIONS": {"max_retries": 9}}}
    with override_settings(TASKS=both):
        result = tasks.meaning.using(backend="patient").enqueue()
        assert Job.objects.get().max_retries == 9
        assert (result.backend, tasks.meaning.get_result(result.id).backend) == ("patient", "patient")


# --- Functions -------------------------------------------------------------------------------------------------------


async def coroutine() -> None: ...


def without_context(message: str) -> None: ...


def test_a_coroutine_may_be_a_task() -> None:
    assert task(coroutine).module_path == f"{__name__}.coroutine"


def test_a_function_inside_another_is_refused() -> None:
    def inner() -> None: ...

    with pytest.raises(InvalidTask, match="module level"):
        task(inner)


def test_a_task_that_takes_a_context_must_name_it() -> None:
    wrong: Any = without_context
    with pytest.raises(InvalidTask, match="context"):
        task(takes_context=True)(wrong)


def test_every_function_is_a_task_type_with_its_schema() -> None:
    spec = registry.get("tests.support.press.tasks.add")
    assert (spec.options.queue, spec.max_retries) == ("default", 3)
    schema = spec.schema.json_schema()
    assert (sorted(schema["properties"]), schema["required"]) == (["a", "b"], ["a"])
    assert sorted(registry.get("tests.support.press.tasks.recover").schema.json_schema()["properties"]) == ["failures"]


def test_limits_and_retries_of_a_function_are_known_to_workers() -> None:
    spec = registry.get("tests.support.press.tasks.once")
    assert (spec.max_retries, spec.time_limit_seconds) == (0, 30)


@pytest.mark.parametrize(
    ("given", "says"),
    [({"max_retrys": 1}, "no option 'max_retrys'"), ({"max_retries": -1}, "max_retries is -1")],
)
def test_wrong_options_of_a_function_are_an_error_where_they_are_written(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidTask, match=says):
        options(**given)


def test_options_above_the_task_are_refused() -> None:
    wrong: Any = tasks.meaning
    with pytest.raises(InvalidTask, match="below @task"):
        options(max_retries=1)(wrong)
