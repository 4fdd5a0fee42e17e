"""Submits jobs as a caller's process does: an order a line, `["single", 300, 0]`, answered by the seconds it took."""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any


def main() -> None:
    caller: Any = _Stock() if sys.argv[1] == "stock" else _Tally()
    caller.one("noop", number=-1)  # connections are opened before the clock starts
    for order in sys.stdin:
        how, count, rate = json.loads(order)
        began = time.perf_counter()
        _HOW[how](caller, count, rate)
        caller.settle()
        print(time.perf_counter() - began, flush=True)


class _Stock:
    def __init__(self) -> None:
        stock = import_module("tests.benchmarks.stock")
        if "DJANGO_SETTINGS_MODULE" in os.environ:
            import django

            django.setup()
        stock.app.set_current()
        self.tasks: Any = import_module("tests.benchmarks.tasks")

    def one(self, task: str, **payload: Any) -> None:
        getattr(self.tasks, task).delay(**payload)

    def many(self, payloads: Sequence[dict[str, Any]]) -> None:
        for payload in payloads:
            self.tasks.noop.delay(**payload)

    def settle(self) -> None:
        """Redis has answered each call."""


class _Tally:
    def __init__(self) -> None:
        import django

        django.setup()
        import_module("taskqueue_project")
        self.tasks: Any = import_module("tests.benchmarks.tasks")
        self._submit_many: Callable[..., Any] = import_module("jobs.shortcuts").submit_many
        self.settle: Callable[[], None] = import_module("jobs.broker.publisher").settle_all  # its last answer counts

    def one(self, task: str, **payload: Any) -> None:
        getattr(self.tasks, task).submit(**payload)

    def many(self, payloads: Sequence[dict[str, Any]]) -> None:
        self._submit_many([self.tasks.noop.draft(**payload) for payload in payloads])


def _single(caller: Any, count: int, _: float) -> None:
    for number in range(count):
        caller.one("noop", number=number)


def _bulk(caller: Any, count: int, _: float) -> None:
    caller.many([{"number": number} for number in range(count)])


def _stamps(caller: Any, count: int, rate: float) -> None:
    for _ in _beats(count, rate):
        caller.one("stamp", sent=time.time())


def _paced(caller: Any, count: int, rate: float, together: int = 10) -> None:
    for beat in _beats(count // together, rate / together):
        caller.many([{"number": beat * together + place} for place in range(together)])


_HOW: dict[str, Callable[..., None]] = {"single": _single, "bulk": _bulk, "stamps": _stamps, "paced": _paced}


def _beats(count: int, rate: float) -> Any:
    due = time.perf_counter()
    for beat in range(count):
        due += 1 / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        yield beat


if __name__ == "__main__":
    main()
