"""What a process does with a message that it hears while the order to stop arrives."""

from datetime import UTC, datetime
from mmap import mmap
from typing import Any

import pytest

from jobs.broker import line, taking
from jobs.broker.ear import Popped
from jobs.broker.taking import Nothing, Wish
from jobs.execution import board, turn


class Ear:
    """One that hears a message at once, and something else in the same moment."""

    def __init__(self, meanwhile: Any) -> None:
        self._meanwhile = meanwhile

    def is_closed(self) -> bool:
        return False

    def pop(self, _queues: Any, *, seconds: float) -> Popped:
        assert seconds > 0
        self._meanwhile()
        return Popped(b"default", b"a message")


@pytest.mark.parametrize(("meanwhile", "tasks"), [(turn.stop, ()), (lambda: None, ("noop",))], ids=["told", "not told"])
def test_who_is_told_to_stop_wants_no_task_any_more(
    monkeypatch: pytest.MonkeyPatch, meanwhile: Any, tasks: tuple[str, ...]
) -> None:
    wished: list[Wish] = []

    def take(_line: object, popped: Popped, *, wish: Wish) -> Nothing:
        assert popped.item == b"a message"
        wished.append(wish)
        return Nothing.FOR_ME

    cell = board.Cell(mmap(-1, 65_536), 0, 65_536)
    now_on: dict[str, Any] = {"is_on": True, "is_dry": True, "until": float("inf"), "trusted_from": datetime.now(UTC)}
    served: dict[str, Any] = {"queues": ("default",), "queues_turn": board.queues.turn, "tasks": {"noop": None}}
    ear: Any = Ear(meanwhile)
    monkeypatch.setattr(turn, "_turn", turn._Turn(cell=cell, ear=ear, hostname="w@host", **now_on, **served))
    monkeypatch.setattr(taking, "take", take)
    monkeypatch.setattr(line, "mine", lambda: None)
    assert turn._wait(cell) is None
    assert [wish.tasks for wish in wished] == [tasks]
