"""What a running `manage.py up` leaves in its data directory, so that a command in a second terminal finds it.

The lock is the truth about "running": the kernel frees it however its holder ends, so a file left behind misleads nobody.
"""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event
from typing import IO

from taskqueue_project.localstack import private

NAME = "stack.json"
LOCK_NAME = "stack.lock"
LOCK_ATTEMPTS = 20
LOCK_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    pid: int
    url: str
    environment: Mapping[str, str]
    """The settings that every part of it runs with."""
    pids: Mapping[str, int] = field(default_factory=dict)
    """Part → process, as of now: a part that died gets a new one."""
    ready: bool = False


class AlreadyRunning(Exception):
    pass


def find_running(data_dir: Path) -> Stack | None:
    stack = read(data_dir)
    return stack if stack is not None and _is_locked(data_dir) else None


def read(data_dir: Path) -> Stack | None:
    """What the last `up` left, running or not; None for a file that this version doesn't understand."""
    try:
        return Stack(**json.loads((data_dir / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write(data_dir: Path, stack: Stack) -> None:
    private.write(data_dir / NAME, json.dumps(asdict(stack), indent=2))


def remove(data_dir: Path) -> None:
    (data_dir / NAME).unlink(missing_ok=True)


@contextmanager
def lock(data_dir: Path) -> Iterator[None]:
    """Hold the data directory; raise `AlreadyRunning` when another `up` does."""
    with (data_dir / LOCK_NAME).open("w", encoding="utf-8") as file:
        if not _try_lock(file):
            running = find_running(data_dir)
            where = f" at {running.url} (pid {running.pid})" if running else ""
            raise AlreadyRunning(
                f"A stack already runs on {data_dir}{where}. Stop it, or give this one a directory and port of its own: "
                "make up DATA=/some/dir PORT=8123"
            )
        yield


def _try_lock(file: IO[str]) -> bool:
    """Tried for a second: a command that looks whether a stack runs holds the lock for a moment."""
    for _ in range(LOCK_ATTEMPTS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            Event().wait(LOCK_PAUSE_SECONDS)
        else:
            return True
    return False


def _is_locked(data_dir: Path) -> bool:
    try:
        with (data_dir / LOCK_NAME).open("r", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
