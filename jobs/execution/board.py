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
from zlib import crc32

_HEAD = struct.Struct("II")  # bytes, and their checksum
_COUNTER_BYTES = 8
_TRIES = 100


class Cell:
    """A text that one process writes and others read, without a lock: two halves, and a counter that says which holds."""

    def __init__(self, memory: mmap, begin: int, size: int) -> None:
        self._memory, self._begin, self._half = memory, begin + _COUNTER_BYTES, (size - _COUNTER_BYTES) // 2
        self._turn = c_uint64.from_buffer(memory, begin)

    @property
    def turn(self) -> int:
        """Another one whenever the text may be another; 0 as long as there is none."""
        return int(self._turn.value)

    def write(self, text: str) -> None:
        data = text.encode()
        if len(data) + _HEAD.size > self._half:
            raise ValueError(f"{len(data)} bytes don't fit into a cell of {self._half}")
        turn = self._turn.value + 1
        begin = self._of(turn)
        self._memory[begin : begin + _HEAD.size + len(data)] = _HEAD.pack(len(data), crc32(data)) + data
        self._turn.value = turn

    def read(self) -> str:
        """The text; empty when its writer is faster again and again."""
        for _ in range(_TRIES):
            begin = self._of(self._turn.value)
            length, checksum = _HEAD.unpack_from(self._memory, begin)
            begin += _HEAD.size
            data = self._memory[begin : begin + min(length, self._half)]
            if crc32(data) == checksum:  # whole, on every kind of processor
                return data.decode()
        return ""

    def _of(self, turn: int) -> int:
        return self._begin + (turn % 2) * self._half


PROCESSES = 128  # of one worker; those beyond take nothing themselves
_QUEUES_BYTES, _SLOT_BYTES = 16_384, 65_536
_memory = mmap(-1, _QUEUES_BYTES + PROCESSES * _SLOT_BYTES)  # addresses alone, as long as nobody writes
queues = Cell(_memory, 0, _QUEUES_BYTES)
slots = [Cell(_memory, _QUEUES_BYTES + place * _SLOT_BYTES, _SLOT_BYTES) for place in range(PROCESSES)]


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
    slot.write(f"{given} {os.getpid()}")


def say_as_given(slot: Cell) -> None:
    """This process runs what it was given."""
    slot.write("")


def instead() -> dict[tuple[str, int], Run | None]:
    """By the attempt that a process was given, and its pid: what it runs now, None for nothing. Only where that is another."""
    return dict(_read(text) for slot in slots if slot.turn and (text := slot.read()))


def _read(text: str) -> tuple[tuple[str, int], Run | None]:
    first, _, sent = text.partition("\n")
    given, pid, *more = first.split(" ", 3)
    return (given, int(pid)), Run(int(pid), int(more[0]), more[1], sent) if more else None
