"""Tasks for stories: each does one thing that a real task may do to its worker, and leaves marks that tests count.

A mark is a line in a file, written with one append: evidence of an execution that depends on neither SQL nor Redis.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.shortcuts import Discard, Retry, current_job, task

logger = logging.getLogger(__name__)


class Flaky(Exception):
    """What this module's tasks raise when they are told to fail."""


class Hopeless(Flaky):
    """One that no retry helps."""


def leave_mark(marks: str, text: str) -> None:
    line = f"{text} {os.getpid()} {time.time():.3f}\n".encode()
    file = os.open(marks, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(file, line)
    os.close(file)


# --- Work ------------------------------------------------------------------------------------------------------------


@task(name="mark", queue="default", max_retries=3)
def mark(marks: str, seconds: float = 0.0, text: str = "ran", end: str = "") -> str:
    """Leave a mark, work for a while, leave another at the end if one is wanted."""
    leave_mark(marks, text)
    if seconds:
        time.sleep(seconds)
    if end:
        leave_mark(marks, end)
    return text


@task(name="hold", queue="default", max_retries=3)
def hold(marks: str, until_exists: str, limit_seconds: float = 60.0) -> str:
    """Run until a file appears: the test decides when."""
    leave_mark(marks, "began")
    give_up_at = time.monotonic() + limit_seconds
    while not Path(until_exists).exists():
        if time.monotonic() > give_up_at:
            raise Flaky(f"{until_exists} did not appear")
        time.sleep(0.02)
    leave_mark(marks, "ended")
    return "held"


@task(name="stubborn", queue="default", max_retries=3)
def stubborn(marks: str, seconds: float) -> str:
    """Will not be told to stop."""
    leave_mark(marks, "began")
    end_at = time.monotonic() + seconds
    while time.monotonic() < end_at:
        try:
            time.sleep(0.05)
        except SystemExit:
            leave_mark(marks, "ignored")
    leave_mark(marks, "ended")
    return "outlived"


@task(name="describe", queue="default", max_retries=4)
def describe() -> dict[str, Any]:
    """What the context says."""
    job = current_job()
    return {
        "id": job.id,
        "task": job.task,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "is_last_attempt": job.is_last_attempt,
        "pid": os.getpid(),
    }


@task(name="limited", queue="default", max_retries=0, time_limit_seconds=30, soft_time_limit_seconds=20)
def limited() -> float:
    """Seconds to its deadline."""
    deadline = current_job().deadline
    return (deadline - datetime.now(UTC)).total_seconds() if deadline else -1.0


@task(name="staged", queue="default", max_retries=0)
def staged(marks: str, until_exists: str) -> str:
    job = current_job()
    job.progress(40, "collecting")
    leave_mark(marks, "reported")
    give_up_at = time.monotonic() + 60
    while not Path(until_exists).exists() and time.monotonic() < give_up_at:
        time.sleep(0.02)
    job.progress(100, "done")
    return "staged"


@task(name="polite", queue="default", max_retries=3)
def polite(marks: str, seconds: float = 60.0) -> str:
    """Asks whether it was cancelled, and tidies up when it was."""
    leave_mark(marks, "began")
    end_at = time.monotonic() + seconds
    try:
        while time.monotonic() < end_at:
            current_job().check_cancelled()
            time.sleep(0.05)
    finally:
        leave_mark(marks, "tidied")
    return "undisturbed"


@task(name="asynchronous", queue="default", max_retries=0)
async def asynchronous(value: int) -> dict[str, Any]:
    await asyncio.sleep(0.01)
    return {"value": value, "job": current_job().id}


@task(name="secretive", queue="default", max_retries=1, sensitive=True)
def secretive(card: str, *, fail: bool = False) -> int:
    if fail and current_job().attempt == 1:
        raise Flaky("not this time")
    return len(card)


@task(name="chatty", queue="default", max_retries=0)
def chatty(lines: int, width: int = 80) -> int:
    for number in range(lines):
        logger.info("line %d %s", number, "x" * width)
    return lines


# --- Ways to end -----------------------------------------------------------------------------------------------------


@task(name="fail", queue="default", max_retries=3)
def fail(message: str = "no") -> None:
    raise Flaky(message)


@task(name="fail_late", queue="default", max_retries=2)
def fail_late(marks: str, failures: int) -> str:
    """Fails so many times, then succeeds."""
    leave_mark(marks, "ran")
    if current_job().attempt <= failures:
        raise Flaky(f"attempt {current_job().attempt}")
    return "recovered"


@task(name="chained_causes", queue="default", max_retries=0)
def chained_causes() -> None:
    try:
        try:
            os.environ["TALLY_MISSING"]
        except KeyError as error:
            raise ConnectionError("could not ask") from error
    except ConnectionError as error:
        raise Flaky("gave up") from error


@task(name="die", queue="default", max_retries=3)
def die(marks: str, signum: int = signal.SIGKILL, times: int = 1_000) -> str:
    """Kill the own process, in the first so many attempts."""
    leave_mark(marks, "ran")
    if current_job().attempt <= times:
        os.kill(os.getpid(), signum)
        time.sleep(30)
    return "survived"


@task(name="segfault", queue="default", max_retries=0)
def segfault(marks: str) -> None:
    leave_mark(marks, "ran")
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(30)


@task(name="exit_now", queue="default", max_retries=0)
def exit_now(code: int) -> None:
    sys.exit(code)


@task(name="result_of", queue="default", max_retries=3)
def result_of(kind: str, size: int = 0) -> Any:
    """Results that are hard to keep."""
    makers: dict[str, Callable[[], Any]] = {
        "large": lambda: "x" * size,
        "set": lambda: {1, 2, 3},
        "object": object,
        "nul": lambda: "a\x00b",
        "surrogate": lambda: "a\ud800b",
        "nan": lambda: [float("nan"), float("inf")],
        "date": lambda: datetime(2026, 2, 3, tzinfo=UTC),
        "deep": lambda: _nested(5_000),
        "none": lambda: None,
    }
    return makers[kind]()


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@task(name="unprintable", queue="default", max_retries=0)
def unprintable() -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise ValueError("no text for this")

    raise Unprintable


@task(name="fail_with_bad_text", queue="default", max_retries=0)
def fail_with_bad_text() -> None:
    raise Flaky("nul \x00 and half a pair \ud800")


@task(name="retry_after", queue="default", max_retries=3)
def retry_after(marks: str, seconds: float) -> str:
    leave_mark(marks, "ran")
    if current_job().attempt == 1:
        raise Retry("busy", after=seconds)
    return "later"


@task(name="discard", queue="default", max_retries=3)
def discard() -> None:
    raise Discard("the customer is gone")


@task(name="choosy", queue="default", max_retries=3, retry_on=(Flaky,), discard_on=(Hopeless,))
def choosy(kind: str) -> None:
    raise {"flaky": Flaky, "hopeless": Hopeless, "other": ValueError}[kind](kind)


@task(name="overrun", queue="default", max_retries=0, time_limit_seconds=1.0)
def overrun(marks: str) -> None:
    leave_mark(marks, "ran")
    time.sleep(60)


@task(name="overrun_softly", queue="default", max_retries=0, soft_time_limit_seconds=1.0, time_limit_seconds=30.0)
def overrun_softly(marks: str) -> None:
    leave_mark(marks, "ran")
    time.sleep(60)
