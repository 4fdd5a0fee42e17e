"""What a check is, what it finds, and which checks there are. Apps above the queue register theirs in `ready()`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One row, key or entry that is not as it must be. `object` is kind:id, as in job:0192…"""

    check: str
    object: str
    problem: str


Find = Callable[[], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """`settles`: what is in motion may look wrong for a while, so only a finding that stays is one."""

    name: str
    promise: str
    find: Find
    settles: bool = False
    unaccounted: bool = False
    """A job that it finds is on no way to an end."""


_checks: dict[str, Check] = {}


def register(check: Check) -> None:
    _checks[check.name] = check


def every() -> tuple[Check, ...]:
    return tuple(_checks.values())


def check(name: str, promise: str, *, settles: bool = False, unaccounted: bool = False) -> Callable[[Find], Find]:
    """Register the decorated generator."""

    def note(find: Find) -> Find:
        register(Check(name, promise, find, settles=settles, unaccounted=unaccounted))
        return find

    return note
