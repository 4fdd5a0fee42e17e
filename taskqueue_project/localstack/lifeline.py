"""Ties processes to the one that started them, where the platform can (Linux): no orphan outlives a `kill -9`.

Elsewhere the functions do nothing, and only an orderly end takes everything along.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def tie_to_me() -> Callable[[], None]:
    """For `Popen(preexec_fn=…)`: the kernel kills the new process when the thread that starts it ends."""
    parent = os.getpid()

    def tie() -> None:
        if _prctl is not None:
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died before the call above
                os._exit(1)

    return tie


def adopt_orphans() -> None:
    """From now on a process whose parent dies becomes a child of this one, whatever session it made for itself."""
    if _prctl is not None:
        _prctl(PR_SET_CHILD_SUBREAPER, 1)


def reap_orphans(known: Collection[int]) -> None:
    """Clear away adopted processes that ended; those in `known` are left to whoever started them."""
    if _prctl is None:
        return
    with suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if ended.si_pid in known:
                return
            os.waitpid(ended.si_pid, 0)


def kill_orphans() -> None:
    """End every child that is left. Killing one may make its children ours, hence the rounds."""
    for _ in range(100):
        children = _children()
        if not children:
            return
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def parent_of(pid: int) -> int | None:
    """The parent's pid as /proc tells it; None where there is no /proc or no such process."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
    except OSError:
        return None
    return int(after_name.split()[1])


def _children() -> list[int]:
    if _prctl is None:
        return []
    me = os.getpid()
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and parent_of(int(entry.name)) == me
    ]
