"""Memory that a worker's parent and its processes share: whoever reads sees one text or another, never a mix."""

import os
import signal
from collections.abc import Iterator
from mmap import mmap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.execution import board
from jobs.execution.board import Cell

SIZE = 8_192
TEXTS = ["", "a" * 10, "b" * 3_000, "ö" * 2_000, "c"]


@pytest.fixture
def cell() -> Cell:
    return Cell(mmap(-1, SIZE), 0, SIZE)


@given(texts=st.lists(st.text(max_size=500), min_size=1, max_size=5))
def test_a_cell_holds_what_was_written_last(texts: list[str]) -> None:
    cell = Cell(mmap(-1, SIZE), 0, SIZE)
    assert (cell.turn, cell.read()) == (0, "")
    for number, text in enumerate(texts, start=1):
        written = text.encode("utf-8", "ignore").decode()
        cell.write(written)
        assert (cell.turn, cell.read()) == (number, written)


def test_what_does_not_fit_is_an_error_and_changes_nothing(cell: Cell) -> None:
    cell.write("short")
    with pytest.raises(ValueError, match="don't fit"):
        cell.write("x" * SIZE)
    assert cell.read() == "short"


@pytest.fixture
def writer(cell: Cell) -> Iterator[int]:
    """A process that writes as fast as it can."""
    pid = os.fork()
    if not pid:
        while True:
            for text in TEXTS:
                cell.write(text)
    yield pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_reader_never_sees_a_mix(cell: Cell, writer: int) -> None:
    seen = {cell.read() for _ in range(20_000)}
    assert seen <= set(TEXTS)
    assert len(seen) > 1


def test_a_killed_writer_leaves_its_last_whole_text(cell: Cell) -> None:
    cell.write("whole")
    pid = os.fork()
    if not pid:
        cell._memory[cell._of(cell.turn + 1) : cell._of(cell.turn + 1) + 100] = b"x" * 100
        os._exit(0)
    os.waitpid(pid, 0)
    assert cell.read() == "whole"


def test_a_slot_says_what_runs_instead_of_what_was_given() -> None:
    slot = board.slots[-1]
    try:
        board.say_runs(slot, "job:1", since_ms=5, worker="ann@host", sent='{"a":\n1}')
        assert board.instead() == {("job:1", os.getpid()): board.Run(os.getpid(), 5, "ann@host", '{"a":\n1}')}
        board.say_idle(slot, "job:1")
        assert board.instead() == {("job:1", os.getpid()): None}
    finally:
        slot.write("")
    assert board.instead() == {}
