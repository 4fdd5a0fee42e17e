"""Waiting for a condition with a deadline: what tests use instead of sleeping."""

import threading
import time
from collections.abc import Callable

POLL_SECONDS = 0.05


def until(predicate: Callable[[], object], *, seconds: float, what: str) -> None:
    """Return once the predicate is true; fail, naming what was awaited, when it is not within the seconds."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not predicate():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        pause.wait(POLL_SECONDS)
