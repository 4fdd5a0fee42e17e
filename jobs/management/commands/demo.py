"""`manage.py demo`: a steady mix of the sample jobs, until it is told to stop."""

import random
import signal
import threading
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.core.management.base import CommandParser

from jobs.management import people, sample_mix
from jobs.management.base import TallyCommand
from jobs.management.sample_mix import Mix

_TICK_SECONDS = 0.25
_SAY_EVERY_SECONDS = 5.0
_BATCH_MAX = 500


class Command(TallyCommand):
    help = (
        "Submit a steady mix of the sample jobs, so that there is something to look at: mails, payments, reports, now "
        "and then one that is delayed or dies. Ctrl-C ends it; what was submitted runs on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=_positive, help="end after so long (default: at Ctrl-C)")
        parser.add_argument("--jobs", type=_count, help="end after so many jobs (default: at Ctrl-C)")
        parser.add_argument(
            "--rate",
            type=_positive,
            default=sample_mix.USUAL_RATE_PER_SECOND,
            metavar="N",
            help="jobs a second (default: %(default)g, which keeps the default pools busy)",
        )
        parser.add_argument(
            "--waiting-at-most",
            type=_count,
            default=sample_mix.WAITING_AT_MOST,
            metavar="N",
            help="hold a queue's jobs back while so many wait in it (default: %(default)d)",
        )
        parser.add_argument("--seed", type=int, help="repeats the same mix (default: a new one each time)")

    def handle(self, *_args: Any, **options: Any) -> None:
        mix = Mix(people.operator(), random.Random(options["seed"]), waiting_at_most=options["waiting_at_most"])
        began = time.monotonic()
        self._say(
            f"About {options['rate']:g} jobs a second, {_until(options)}. See: manage.py jobs --correlation-id {mix.id}"
        )
        try:
            with _stop_signals() as stopping:
                self._submit(mix, stopping, options)
        finally:
            self._say(_summary(mix, seconds=time.monotonic() - began))

    def _submit(self, mix: Mix, stopping: threading.Event, options: dict[str, Any]) -> None:
        """What is held back is not made up for later."""
        began, offered, said = time.monotonic(), 0, time.monotonic()
        seconds, jobs = options["seconds"] or float("inf"), options["jobs"] or float("inf")
        while not stopping.is_set():
            elapsed = time.monotonic() - began
            left = jobs - mix.submitted.total()
            count = int(min(options["rate"] * min(elapsed, seconds) + 1 - offered, left, _BATCH_MAX))
            if count > 0:
                offered += count
                mix.submit(count)
            if elapsed >= seconds or mix.submitted.total() >= jobs:
                return
            if time.monotonic() - said >= _SAY_EVERY_SECONDS:
                said = time.monotonic()
                self._say(_progress(mix))
            stopping.wait(0 if count == _BATCH_MAX else _TICK_SECONDS)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Set by Ctrl-C or SIGTERM; a second one is no longer caught. In a thread, where signals can't be: never set."""
    stopping = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return

    def stop(signum: int, _frame: FrameType | None) -> None:
        stopping.set()
        signal.signal(signum, before[signal.Signals(signum)])

    before = {signum: signal.signal(signum, stop) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _until(options: dict[str, Any]) -> str:
    bounds = [
        *([f"for {options['seconds']:g} s"] if options["seconds"] else []),
        *([f"{options['jobs']} in all"] if options["jobs"] else []),
    ]
    return " or ".join(bounds) or "until Ctrl-C"


def _progress(mix: Mix) -> str:
    held = f"; held back, because enough wait: {', '.join(sorted(mix.held_back))}" if mix.held_back else ""
    return f"{mix.submitted.total()} submitted{held}"


def _summary(mix: Mix, *, seconds: float) -> str:
    by_task = " · ".join(f"{name} {count}" for name, count in mix.submitted.most_common())
    return f"{mix.submitted.total()} jobs submitted in {seconds:.0f} s" + (f": {by_task}" if by_task else "")


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1_000_000:
        raise ArgumentTypeError("give a number greater than 0")
    return number


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 10_000_000:
        raise ArgumentTypeError("give a number of jobs, at least 1")
    return int(text)
