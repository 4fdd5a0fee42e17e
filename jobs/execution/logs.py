"""Keeps the log lines that an attempt writes, up to a bound: the newest are dropped first, and a last line says so."""

import logging
from contextvars import ContextVar

from jobs import conf

_FORMAT = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
_lines: ContextVar["_Lines | None"] = ContextVar("tally_log", default=None)


class _Lines:
    def __init__(self, *, limit: int) -> None:
        self.limit, self.size, self.dropped = limit, 0, 0
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        size = len(line.encode("utf-8", "replace")) + 1
        if self.size + size > self.limit:
            self.dropped += 1
            return
        self.size += size
        self.lines.append(line)

    def text(self) -> str:
        note = [f"({self.dropped} more line(s) were not kept)"] if self.dropped else []
        return "\n".join([*self.lines, *note])


class _Capture(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        lines = _lines.get()
        if lines is None:
            return
        try:
            lines.add(_FORMAT.format(record))
        except (TypeError, ValueError, KeyError) as error:
            lines.add(f"(a log line of {record.name} could not be written: {error})")


_capture = _Capture(level=logging.INFO)


def begin() -> None:
    """Capture what this attempt logs from now on."""
    root = logging.getLogger()
    if _capture not in root.handlers:
        root.addHandler(_capture)
    _lines.set(_Lines(limit=conf.current().LOG_MAX_BYTES - 64))


def end() -> str:
    lines = _lines.get()
    _lines.set(None)
    return lines.text() if lines else ""
