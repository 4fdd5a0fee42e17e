"""How letters, groups and operations look in a terminal: tables for people, the API's shapes for machines."""

from collections.abc import Iterable
from typing import Any

from dlq.api.shapes import GroupShape, LetterShape, OperationShape
from dlq.counting import WINDOWS
from dlq.models import DeadLetter, Operation
from dlq.queries import GroupRow
from jobs.domain.actors import CODE

LETTER_COLUMNS = ("letter", "died", "task", "queue", "reason", "tries", "resolution", "error")
GROUP_COLUMNS = ("fingerprint", "state", "open", *WINDOWS, "died again", "last seen", "title")
OPERATION_COLUMNS = ("operation", "verb", "state", "matched", "done", "skipped", "failed", "died again", "by", "reason")
_SEEN_BY_ALL = {"actor": CODE}  # whoever has this command has the database


def letter_row(letter: DeadLetter) -> list[object]:
    error = f"{letter.error_type.rsplit('.', 1)[-1]}: {letter.error}".split("\n", 1)[0][:70]
    died = f"{letter.created_at:%Y-%m-%d %H:%M:%S}"
    return [letter.id, died, letter.task, letter.queue, letter.reason, letter.attempts, letter.resolution, error]


def group_row(row: GroupRow) -> list[object]:
    group = row.group
    seen = f"{group.last_seen:%Y-%m-%d %H:%M:%S}"
    counts = [row.counts[name] for name in WINDOWS]
    return [group.fingerprint, group.state, group.open, *counts, group.died_again, seen, group.title[:60]]


def operation_row(operation: Operation) -> list[object]:
    numbers = [operation.matched, operation.done, operation.skipped, operation.failed, operation.died_again]
    why = operation.stopped_because or operation.reason
    return [operation.id, operation.verb, operation.state, *numbers, operation.created_by, why[:60]]


def letters(found: Iterable[DeadLetter]) -> list[dict[str, Any]]:
    return [dict(shown) for shown in LetterShape(found, many=True, context=_SEEN_BY_ALL).data]


def groups(found: Iterable[GroupRow]) -> list[dict[str, Any]]:
    return [dict(shown) for shown in GroupShape(found, many=True, context=_SEEN_BY_ALL).data]


def operations(found: Iterable[Operation]) -> list[dict[str, Any]]:
    return [dict(shown) for shown in OperationShape(found, many=True).data]
