"""Several threads at the same moment, each with connections of its own, and what each of them came to."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

T = TypeVar("T")

SECONDS = 50


def run(acts: Sequence[Callable[[], T]]) -> list[T]:
    """The results in the order of the acts; the first error is raised."""
    return [future.result() for future in attempt(acts)]


def attempt(acts: Sequence[Callable[[], T]]) -> list["Future[T]"]:
    barrier = threading.Barrier(len(acts))

    def act_at_once(act: Callable[[], T]) -> T:
        barrier.wait(timeout=SECONDS)
        try:
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [threads.submit(act_at_once, act) for act in acts]
