"""Submits jobs as a caller's process does, and prints the seconds it took: `python -m tests.benchmarks.submitting …`."""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("who", choices=("stock", "tally"))
    parser.add_argument("how", choices=("single", "bulk", "stamps", "paced"))
    parser.add_argument("count", type=int)
    parser.add_argument("--rate", type=float, default=25.0, help="jobs a second, where they are paced")
    asked = parser.parse_args()
    caller: Any = _Stock() if asked.who == "stock" else _Tally()
    caller.one("noop", number=-1)  # connections are opened before the clock starts
    began = time.perf_counter()
    {"single": _single, "bulk": _bulk, "stamps": _stamps, "paced": _paced}[asked.how](caller, asked)
    caller.settle()
    print(json.dumps({"seconds": time.perf_counter() - began}))


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


def _single(caller: Any, asked: argparse.Namespace) -> None:
    for number in range(asked.count):
        caller.one("noop", number=number)


def _bulk(caller: Any, asked: argparse.Namespace) -> None:
    caller.many([{"number": number} for number in range(asked.count)])


def _stamps(caller: Any, asked: argparse.Namespace) -> None:
    for _ in _beats(asked.count, asked.rate):
        caller.one("stamp", sent=time.time())


def _paced(caller: Any, asked: argparse.Namespace, together: int = 10) -> None:
    for beat in _beats(asked.count // together, asked.rate / together):
        caller.many([{"number": beat * together + place} for place in range(together)])


def _beats(count: int, rate: float) -> Any:
    due = time.perf_counter()
    for beat in range(count):
        due += 1 / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        yield beat


if __name__ == "__main__":
    main()
