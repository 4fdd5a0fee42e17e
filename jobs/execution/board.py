"""What a worker's parent and its processes tell each other without a word: memory that they share.

The parent writes from which queues its processes may take; each process writes what it runs of what it took itself.
Made before the pool forks; a process that was not forked finds its own, empty.
"""

import os
import struct
from collections.abc import Iterable
from ctypes import c_uint64
from dataclasses import dataclass
from mmap import mmap

_LENGTH = struct.Struct("I")
_ATTEMPTS = 100


class Cell:
    """A text that one process writes and others read, without a lock: two halves, and a counter that says which holds."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._memory = mmap(-1, 8 + 2 * size)  # not touched, not there: it costs addresses alone
        self._turn = c_uint64.from_buffer(self._memory)

    @property
    def turn(self) -> int:
        """Another one whenever the text may be another."""
        return int(self._turn.value)

    def write(self, text: str) -> None:
        data = text.encode()
        if len(data) + _LENGTH.size > self.size:
            raise ValueError(f"{len(data)} bytes don't fit into a cell of {self.size}")
        turn = self._turn.value + 1
        begin = self._begin(turn)
        self._memory[begin : begin + _LENGTH.size + len(data)] = _LENGTH.pack(len(data)) + data
        self._turn.value = turn

    def read(self) -> str:
        """The text; empty while its writer is too fast."""
        for _ in range(_ATTEMPTS):
            turn = self._turn.value
            begin = self._begin(turn)
            [length] = _LENGTH.unpack_from(self._memory, begin)
            begin += _LENGTH.size
            data = self._memory[begin : begin + length]
            if self._turn.value == turn:
                return data.decode()
        return ""

    def _begin(self, turn: int) -> int:
        return 8 + (turn % 2) * self.size


PROCESSES = 128  # of one worker; those beyond take nothing themselves
queues = Cell(8_192)
slots = [Cell(32_768) for _ in range(PROCESSES)]


@dataclass(frozen=True, slots=True)
class Run:
    """What a process runs that it took itself: since when, under which worker's name, and the message as it was sent."""

    pid: int
    since_ms: int
    worker: str
    sent: str


def let_take_from(names: Iterable[str]) -> None:
    text = "\n".join(names)
    if queues.read() != text:
        queues.write(text)


def read_queues() -> tuple[str, ...]:
    return tuple(queues.read().splitlines())


def name_of(job_id: object, attempt: object) -> str:
    return f"{job_id}:{attempt}"


def say_runs(slot: Cell, given: str, *, since_ms: int, worker: str, sent: str) -> None:
    """Instead of the attempt that this process was given, it runs this one now."""
    slot.write(f"{given} {os.getpid()} {since_ms} {worker}\n{sent}")


def say_idle(slot: Cell, given: str) -> None:
    """What this process was given is over, and it has nothing else."""
    slot.write(given)


def instead() -> dict[str, Run | None]:
    """By the attempt that a process was given: what it runs now, None for nothing. Only of those that took something."""
    return dict(_read(text) for slot in slots if slot.turn and (text := slot.read()))


def _read(text: str) -> tuple[str, Run | None]:
    first, _, sent = text.partition("\n")
    given, *more = first.split(" ", 3)
    return given, Run(int(more[0]), int(more[1]), more[2], sent) if more else None
