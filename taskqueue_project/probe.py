"""Does this container still live: `python -I taskqueue_project/probe.py [PID]`, for health checks; exit code 0 or 1.

A process lives when its main thread wakes up again and again, as every role's does at least once a second. No other part
of the system is asked: a worker that waits for an absent Redis is well, and starting it again would only end its jobs.
A script of the standard library, because it runs every few seconds in every container.
"""

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

PROC = Path("/proc")
PATIENCE_SECONDS = 8.0  # more than a worker waits for a silent Redis
LOOK_EVERY_SECONDS = 0.1
INITS = frozenset({"docker-init", "tini", "dumb-init", "catatonit"})
_WAKE_UPS = re.compile(r"^voluntary_ctxt_switches:\s+(\d+)$", flags=re.MULTILINE)


def main_process(proc: Path = PROC) -> int:
    """The one that the container was started for: process 1, or the first child of an init that was put there."""
    if (proc / "1/comm").read_text(encoding="utf-8").strip() not in INITS:
        return 1
    mine = os.getpid()
    children = (proc / "1/task/1/children").read_text(encoding="utf-8").split()
    return next(int(child) for child in children if int(child) != mine)


def wakes_up(
    pid: int,
    *,
    proc: Path = PROC,
    patience_seconds: float = PATIENCE_SECONDS,
    wait: Callable[[float], None] = time.sleep,
) -> bool:
    """Whether the main thread went to sleep and came back while we looked."""
    give_up_at = time.monotonic() + patience_seconds
    first = _wake_ups(pid, proc)
    while first is not None and time.monotonic() < give_up_at:
        wait(LOOK_EVERY_SECONDS)
        now = _wake_ups(pid, proc)
        if now is None or now > first:
            return now is not None
    return False


def _wake_ups(pid: int, proc: Path) -> int | None:
    """None: there is no such process, or it has ended."""
    try:
        status = (proc / f"{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = _WAKE_UPS.search(status)
    return int(found[1]) if found and "\nState:\tZ" not in status else None


def main(arguments: list[str]) -> int:
    pid = int(arguments[0]) if arguments else main_process()
    if wakes_up(pid):
        return 0
    sys.stderr.write(f"Process {pid} has not woken up for {PATIENCE_SECONDS:g} s: it hangs, or it has ended.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
