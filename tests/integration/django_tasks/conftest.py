"""Eager jobs, and a note of every signal of the framework."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app

from tests.support.django_tasks import task_enqueued, task_finished, task_started


@pytest.fixture
def at_once() -> Iterator[None]:
    """Every job runs in the process that submits it, rows included."""
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = False


@pytest.fixture
def signals() -> Iterator[list[tuple[str, Any, Any, str]]]:
    """(signal, sender, result, its status at that moment) of each that is sent."""
    heard: list[tuple[str, Any, Any, str]] = []

    def listen(name: str) -> Any:
        def hear(sender: Any, task_result: Any, **_kwargs: Any) -> None:
            heard.append((name, sender, task_result, str(task_result.status)))

        return hear

    listeners = {task_enqueued: listen("enqueued"), task_started: listen("started"), task_finished: listen("finished")}
    for signal, listener in listeners.items():
        signal.connect(listener)
    yield heard
    for signal, listener in listeners.items():
        signal.disconnect(listener)
