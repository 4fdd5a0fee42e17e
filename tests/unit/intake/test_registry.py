"""What the queue reads of a task, ours or plain Celery's, and that the words mean the same."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app, shared_task
from celery.utils.time import get_exponential_backoff_interval

from jobs.domain.retry import Jitter, RetryPolicy
from jobs.execution.app import DuplicateTask, TallyApp
from jobs.intake import registry
from jobs.intake.registry import UnknownQueue, UnknownTask
from tests.support import called_tasks
from tests.support.called_tasks import Wobbly

# A new app takes over every shared task of this process, those that other tests declared twice included.
pytestmark = pytest.mark.filterwarnings("ignore::celery.exceptions.DuplicateTaskNameWarning")


def options(task: Any) -> registry.TaskOptions:
    return registry.spec_of(task).options


def test_a_task_of_ours_carries_its_options() -> None:
    spec = registry.get("typed")
    assert (spec.options.queue, spec.max_retries) == ("high", 5)
    assert spec.options.policy.jitter is Jitter.PROPORTIONAL
    assert spec.options.retry_on == (Exception,)


def test_a_plain_celery_task_is_not_retried_unless_it_says_so() -> None:
    assert options(called_tasks.plain).retry_on == ()
    assert options(called_tasks.plain).queue == "default"


def test_max_retries_and_the_delay_of_a_plain_task_mean_the_same() -> None:
    policy = options(called_tasks.plain_bound).policy
    assert (policy.max_retries, policy.wait_seconds(1, 0.5), policy.wait_seconds(5, 0.5)) == (7, 9, 9)


def test_autoretry_names_what_is_retried_and_what_not() -> None:
    found = options(called_tasks.backing_off)
    assert (found.retry_on, found.discard_on) == ((Wobbly,), (KeyError,))


@pytest.mark.parametrize("failures", [1, 2, 3, 4, 5, 8])
def test_retry_backoff_waits_as_celery_would(failures: int) -> None:
    ours = options(called_tasks.backing_off).policy.wait_seconds(failures, 0.7)
    assert ours == get_exponential_backoff_interval(5, failures - 1, 100, full_jitter=False)


def test_retry_backoff_has_celerys_defaults() -> None:
    policy = options(called_tasks.backing_off_by_default).policy
    assert policy == RetryPolicy(max_retries=3, factor=1, first_exponent=0, cap_seconds=600, jitter=Jitter.FULL)


def test_retry_kwargs_are_honoured() -> None:
    policy = options(called_tasks.retried_after_a_while).policy
    assert (policy.max_retries, policy.wait_seconds(1, 0.5)) == (2, 11)


def test_no_limit_of_retries_stays_none() -> None:
    spec = registry.spec_of(called_tasks.never_given_up)
    assert (spec.max_retries, spec.time_limit_seconds, spec.soft_time_limit_seconds) == (None, 30, 20)


def test_an_unknown_task_is_an_error_that_names_it() -> None:
    assert registry.find("nowhere") is None
    with pytest.raises(UnknownTask, match="nowhere"):
        registry.get("nowhere")


@pytest.mark.parametrize("name", ["urgent", "", None, 5])
def test_an_unknown_queue_is_an_error_that_names_the_known(name: object) -> None:
    with pytest.raises(UnknownQueue, match="high, default, low"):
        registry.known_queue(name)


def test_every_task_is_listed_but_celerys_own() -> None:
    names = [spec.name for spec in registry.every()]
    assert {"send_email", "noop", "typed", called_tasks.plain.name} <= set(names)
    assert not [name for name in names if name.startswith("celery.")]


@pytest.fixture
def app() -> Iterator[TallyApp]:
    """Closed afterwards: one that lives is given every shared task that is declared."""
    with TallyApp("other", set_as_current=False) as other:
        yield other


def test_two_tasks_of_one_name_are_an_error_at_start(app: TallyApp) -> None:
    def first() -> None: ...

    def second() -> None: ...

    app.task(name="same", lazy=False, shared=False)(first)
    with pytest.raises(DuplicateTask, match=r"same.*first.*second"):
        app.task(name="same", lazy=False, shared=False)(second)


def test_the_same_function_may_be_declared_again(app: TallyApp) -> None:
    def only() -> None: ...

    app.task(name="only", lazy=False, shared=False)(only)
    app.task(name="only", lazy=False, shared=False)(only)
    assert "only" in app.tasks


def test_a_shared_task_of_another_app_is_a_job_task() -> None:
    from jobs.execution.task import JobTask

    @shared_task(name="tests.made_just_now")
    def made_just_now() -> None: ...

    assert isinstance(current_app.tasks["tests.made_just_now"], JobTask)
    current_app.tasks.unregister("tests.made_just_now")
