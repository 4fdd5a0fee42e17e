"""Kills at the seams of the product, from outside: functions are wrapped as their modules load, nothing is hooked in them.

A process of the stack calls `watch()` from its settings (tests/support/armed_settings.py); a test arms one seam at a time
by writing a file. Whoever reaches the seam in that role renames the file first, so a seam strikes once.
"""

import functools
import importlib.machinery
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.abc import Loader, MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.support import shifted_clock
from tests.support.waiting import until

ROLE = "TALLY_TEST_ROLE"
CHILD = "child"  # the role of every process that one of the others has forked
# name → module, function in it; or several, of which a process comes by one
SEAMS = {
    "row committed": [("jobs.intake.submission", "insert_unpublished")],
    "published": [("jobs.broker.publisher", "publish")],
    "due jobs queued": [("jobs.lifecycle.moving", "make_due")],
    "stamped to be published again": [("jobs.lifecycle.moving", "stamp_published")],
    "popped": [("kombu.transport.redis", "Channel._brpop_read")],
    "claimed": [("jobs.broker.claims", "start"), ("jobs.broker.taking", "take")],
    "heard": [("jobs.broker.taking", "take")],  # by a process that waited for it
    "body ran": [("jobs.execution.runner", "_call")],
    "outcome journalled": [("jobs.broker.claims", "finish"), ("jobs.broker.taking", "finish")],
    "batch applied": [("jobs.lifecycle.recording", "record")],
    "entries acknowledged": [("jobs.broker.journal", "settle")],
    "dead letter buried": [("dlq.burial", "bury")],
    "claim withdrawn": [("jobs.broker.claims", "withdraw")],
    "requeued": [("jobs.lifecycle.moving", "requeue")],
}


@dataclass(frozen=True, slots=True)
class Armed:
    """`whom`: self, or a child's parent, or a pid."""

    seam: str
    when: str
    role: str
    whom: str = "self"


class Seams:
    """The test's half."""

    def __init__(self, directory: Path) -> None:
        self._armed = directory / "seam.armed"
        self._struck = directory / "seam.struck"

    def arm(self, seam: str, *, when: str, role: str, whom: str = "self") -> None:
        if seam not in SEAMS or (whom == "parent" and role != CHILD):
            raise ValueError(f"no such seam, or no parent to kill: {seam}, {role}")
        self._struck.unlink(missing_ok=True)
        draft = self._armed.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(Armed(seam, when, role, whom))))
        draft.rename(self._armed)

    def wait_until_struck(self, *, seconds: float = 60) -> None:
        until(self.is_struck, seconds=seconds, what=f"somebody to reach the seam of {self._armed}")

    def is_struck(self) -> bool:
        return self._struck.exists()


# The process's half.


def watch() -> None:
    """Before any of the modules is loaded."""
    sys.meta_path.insert(0, _Finder(Path(os.environ["TALLY_DATA"]), os.environ.get(ROLE, "")))


class _Finder(MetaPathFinder):
    def __init__(self, directory: Path, role: str) -> None:
        self._directory, self._role, self._pid = directory, role, os.getpid()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        wrapped = [(seam, name) for seam, places in SEAMS.items() for module, name in places if module == fullname]
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target) if wrapped else None
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, lambda module: self._wrap_all(module, wrapped))
        return spec

    def _wrap_all(self, module: ModuleType, wrapped: list[tuple[str, str]]) -> None:
        shifted_clock.wear(module)
        for seam, name in wrapped:
            *owners, attribute = name.split(".")
            owner: Any = functools.reduce(getattr, owners, module)
            setattr(owner, attribute, self._wrap(seam, getattr(owner, attribute)))

    def _wrap(self, seam: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def at_seam(*args: Any, **kwargs: Any) -> Any:
            self._strike_if_armed(seam, "before")
            answer = function(*args, **kwargs)
            self._strike_if_armed(seam, "after")
            return answer

        return at_seam

    def _strike_if_armed(self, seam: str, when: str) -> None:
        file = self._directory / "seam.armed"
        try:
            armed = Armed(**json.loads(file.read_text()))
            role = self._role if os.getpid() == self._pid else CHILD
            if (armed.seam, armed.when, armed.role) != (seam, when, role):
                return
            file.rename(self._directory / "seam.struck")
        except FileNotFoundError:
            return
        pids = {"self": os.getpid(), "parent": os.getppid()}
        os.kill(pids.get(armed.whom) or int(armed.whom), signal.SIGKILL)
        if armed.whom == "parent":
            signal.pause()  # the kernel takes the child along, but not within this line


class _Loader(Loader):
    """The module's own loader, and then the wrapping."""

    def __init__(self, loader: Any, wrap: Callable[[ModuleType], None]) -> None:
        self._loader, self._wrap = loader, wrap

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._wrap(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
