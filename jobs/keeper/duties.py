"""What a leader sees to besides its own: the duties that apps above the queue have added, each a function of `now`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class Duty:
    name: str
    act: Callable[[datetime], object]
    every_seconds: float
    due: float = 0.0


_makers: list[Callable[[], Iterable[Duty]]] = []


def add(make: Callable[[], Iterable[Duty]]) -> None:
    """Call `make` for every keeper that starts: its duties are the leader's from then on."""
    if make not in _makers:
        _makers.append(make)


def added() -> list[Duty]:
    return [duty for make in _makers for duty in make()]
