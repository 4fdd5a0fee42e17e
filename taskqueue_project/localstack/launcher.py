"""The `make` that started this process, if one did. What is sent to `make` alone is heard here too.

GNU make passes SIGTERM on to its children, but at a SIGINT or SIGHUP it only waits for them, trusting that the terminal
told them as well. Linux shows when it does: its handler runs with the signal blocked.
"""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from taskqueue_project.localstack import lifeline

NAMES = {"make", "gmake"}
FURTHEST_ANCESTOR = 3
LOOK_EVERY_SECONDS = 0.25
WATCHED = sum(1 << (signum - 1) for signum in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM))


class Launcher:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._is_make = "MAKELEVEL" in environ
        self._parent = os.getppid()
        self._make = _nearest_make() if self._is_make else None
        self._blocked_before = self._blocked() or 0
        self._looked_at = 0.0

    def wants_stop(self) -> bool:
        """Whether `make` is gone, or has been told to end and now waits for this process."""
        if not self._is_make or time.monotonic() - self._looked_at < LOOK_EVERY_SECONDS:
            return False
        self._looked_at = time.monotonic()
        if os.getppid() != self._parent:
            return True
        blocked = self._blocked()
        return self._make is not None and (blocked is None or bool(blocked & ~self._blocked_before))

    def _blocked(self) -> int | None:
        """The watched signals that `make` holds back; None when it is gone, or was never seen."""
        try:
            status = dict(line.split(":", 1) for line in Path(f"/proc/{self._make}/status").read_text().splitlines())
        except OSError:
            return None
        return None if status["State"].strip().startswith("Z") else int(status["SigBlk"], 16) & WATCHED


def _nearest_make() -> int | None:
    pid: int | None = os.getppid()
    for _ in range(FURTHEST_ANCESTOR):
        if pid is None or pid <= 1:
            return None
        try:
            name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
        except OSError:
            return None
        if name in NAMES:
            return pid
        pid = lifeline.parent_of(pid)
    return None
