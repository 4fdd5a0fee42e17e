"""Single key presses of a terminal, without Enter and without echo."""

import os
import select
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

Poll = Callable[[float], str]


@contextmanager
def keys(terminal: IO[str]) -> Iterator[Poll]:
    """Yields a function that waits so many seconds for a key; "" when none came. The terminal is as before afterwards."""
    fd = terminal.fileno()
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)
    try:
        yield lambda seconds: _wait(fd, seconds)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _wait(fd: int, seconds: float) -> str:
    if not select.select([fd], [], [], max(0.0, seconds))[0]:
        return ""
    return os.read(fd, 1).decode("ascii", "replace") or "q"  # the end of input: whoever typed is gone
