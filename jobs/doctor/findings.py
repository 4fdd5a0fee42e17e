"""What an examination is, what it finds, and which there are. Apps above the queue register theirs in `ready()`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.db import Error as DatabaseError
from redis.exceptions import RedisError

from jobs.broker import connections


class Level(StrEnum):
    PROBLEM = "problem"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` is so, `why` it matters, `remedy` says what to do. A note is worth knowing and no reason to act at once."""

    what: str
    why: str
    remedy: str
    level: Level = Level.PROBLEM


Examine = Callable[[], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Examination:
    """`well` is what is said when it finds nothing. `needs` names a part without which it can't be made."""

    name: str
    well: str
    examine: Examine
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """`skipped`: what it needs did not answer."""

    examination: Examination
    findings: tuple[Finding, ...] = ()
    skipped: bool = False

    @property
    def is_well(self) -> bool:
        return not self.skipped and not self.findings


_examinations: dict[str, Examination] = {}


def examination(name: str, well: str, *, needs: str = "") -> Callable[[Examine], Examine]:
    """Register the decorated generator. They are made in the order in which they are registered."""

    def note(examine: Examine) -> Examine:
        _examinations[name] = Examination(name, well, examine, needs)
        return examine

    return note


def every() -> tuple[Examination, ...]:
    return tuple(_examinations.values())


def examine_all() -> Iterator[Result]:
    unwell: set[str] = set()
    for one in every():
        if one.needs in unwell:
            unwell.add(one.name)
            yield Result(one, skipped=True)
            continue
        found = _find(one)
        if any(finding.level is Level.PROBLEM for finding in found):
            unwell.add(one.name)
        yield Result(one, found)


def _find(one: Examination) -> tuple[Finding, ...]:
    try:
        return tuple(one.examine())
    except (DatabaseError, RedisError, *connections.Unavailable) as error:
        what = f"This could not be looked at: {type(error).__name__}: {str(error).strip() or 'no answer'}"
        why = f"Nobody knows whether it is so: {one.well}"
        return (Finding(what, why, "See that the part answers and that its user may ask for this, then look again."),)
