"""The parts' output as one: a line, its time, its part's name in its colour.

Writing never blocks: a reader that stops reading costs old lines, counted, never the supervisor's attention.
"""

import os
import select
from collections import deque
from datetime import datetime

LIMIT_LINES = 5_000
CHUNK_BYTES = 4_096  # a pipe that is writable takes this much without blocking (PIPE_BUF)


class JoinedLog:
    def __init__(self, descriptor: int, *, width: int, coloured: bool | None = None) -> None:
        self._descriptor = descriptor
        self._width = width
        self._coloured = "NO_COLOR" not in os.environ and os.isatty(descriptor) if coloured is None else coloured
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._dropped = 0
        self._is_broken = False

    @property
    def is_behind(self) -> bool:
        return bool(self._lines or self._rest)

    def add(self, name: str, line: str, *, colour: int = 0) -> None:
        prefix = f"{datetime.now().astimezone():%H:%M:%S} {name:<{self._width}} | "
        self.add_plain(f"\033[{colour}m{prefix}\033[0m{line}" if self._coloured and colour else prefix + line)

    def add_plain(self, text: str) -> None:
        """As it is, without time and name."""
        if self._is_broken:
            return
        if len(self._lines) >= LIMIT_LINES:
            self._lines.popleft()
            self._dropped += 1
        self._lines.append(text.encode(errors="replace") + b"\n")

    def flush(self) -> None:
        """Write what can be written now."""
        try:
            while self.is_behind and self._is_writable():
                self._rest = self._rest or self._next()
                self._rest = self._rest[os.write(self._descriptor, self._rest[:CHUNK_BYTES]) :]
        except OSError:  # the terminal or the reader is gone; the stack goes on without it
            self._is_broken = True
            self._lines.clear()
            self._rest = b""

    def _next(self) -> bytes:
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            return f"… {dropped} lines left out: nobody read them in time\n".encode()
        return self._lines.popleft()

    def _is_writable(self) -> bool:
        return bool(select.select([], [self._descriptor], [], 0)[1])
