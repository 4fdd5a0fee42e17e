"""When a pool's processes may take messages themselves: not while anything needs the parent that hands them out."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery.signals import worker_shutting_down
from celery.worker import state as worker_state

from jobs.execution import board, permits
from taskqueue_project.celery import app

QUEUES = ["high", "default", "low"]


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A worker as far as permits look at it, on a board of the test's own."""
    granted: list[list[str]] = []
    monkeypatch.setattr(board, "let_take_from", lambda queues: granted.append(list(queues)))
    dispatcher = SimpleNamespace(enabled=True, groups={"worker"})
    worker = SimpleNamespace(
        app=app,
        consumer=SimpleNamespace(event_dispatcher=dispatcher),
        max_tasks_per_child=None,
        max_memory_per_child=None,
        granted=granted,
    )
    permits.start(worker)
    yield worker
    permits.start(worker)


def now_granted(worker: SimpleNamespace) -> list[str]:
    permits.renew(worker)
    return list(worker.granted[-1])


def test_a_worker_begins_without_and_grants_what_it_consumes(worker: SimpleNamespace) -> None:
    assert worker.granted == [[]]
    assert sorted(now_granted(worker)) == sorted(QUEUES)


def watch(worker: SimpleNamespace) -> None:
    worker.consumer.event_dispatcher.groups = {"worker", "task"}


def watch_everything(worker: SimpleNamespace) -> None:
    worker.consumer.event_dispatcher.groups = None


def lose_the_dispatcher(worker: SimpleNamespace) -> None:
    worker.consumer.event_dispatcher = None


def limit_tasks(worker: SimpleNamespace) -> None:
    worker.max_tasks_per_child = 100


def limit_memory(worker: SimpleNamespace) -> None:
    worker.max_memory_per_child = 200_000


def stop(_worker: SimpleNamespace) -> None:
    worker_shutting_down.send(sender="worker@host")


@pytest.mark.parametrize("need", [watch, watch_everything, lose_the_dispatcher, limit_tasks, limit_memory, stop])
def test_nothing_is_granted_while_the_parent_is_needed(
    worker: SimpleNamespace, need: Callable[[SimpleNamespace], None]
) -> None:
    need(worker)
    assert now_granted(worker) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("task_time_limit", 60.0),
        ("task_soft_time_limit", 60.0),
        ("broker_transport_options", {"global_keyprefix": "shared:"}),
    ],
)
def test_settings_that_only_the_parent_keeps_grant_nothing(
    worker: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    monkeypatch.setitem(app.conf, name, value)
    assert now_granted(worker) == []


def test_a_limit_set_by_remote_control_grants_nothing_until_it_is_taken_back(
    worker: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(app.tasks["celery.accumulate"], "time_limit", 5.0)
        assert now_granted(worker) == []
    assert now_granted(worker) != []


def test_a_revoked_task_is_the_parents_to_refuse(worker: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_state, "revoked", {"some-id"})
    assert now_granted(worker) == []


def test_a_task_that_is_found_later_changes_nothing(worker: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    late = SimpleNamespace(time_limit=30.0, soft_time_limit=None)
    monkeypatch.setitem(app.tasks, "found.later", late)
    assert now_granted(worker) != []
