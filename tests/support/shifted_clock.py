"""A host whose wall clock is wrong: every `now` of this process is so many seconds off. Monotonic clocks are not."""

import os
import time
from datetime import datetime, tzinfo
from types import ModuleType

VARIABLE = "TALLY_TEST_CLOCK_SHIFT"
_true_time = time.time


def _seconds() -> float:
    return float(os.environ.get(VARIABLE, "0"))


class Shifted(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.fromtimestamp(_true_time() + _seconds(), tz)


def shift() -> None:
    """For whoever says `time.time()` or `timezone.now()`."""
    if VARIABLE not in os.environ:
        return
    from django.utils import timezone

    time.time = lambda: _true_time() + _seconds()
    setattr(timezone, "datetime", Shifted)  # noqa: B010  (mypy breaks over the assignment)


def wear(module: ModuleType) -> None:
    """For a module that has the class by name."""
    if VARIABLE in os.environ and getattr(module, "datetime", None) is datetime:
        module.datetime = Shifted  # type: ignore[attr-defined]
