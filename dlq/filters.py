"""Which letters are meant: read from what a client wrote, written down again for an operation that lasts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime

from dlq.models import DeadLetter, Resolution
from jobs.domain.errors import FieldInvalid
from jobs.domain.states import Burial
from jobs.models import ids

IDS_MAX = 10_000
_TEXT_MAX_CHARACTERS = 255
# Letters are read in order of their ids, which are made at recording; the keeper's clock and Redis' may differ.
_CLOCK_SKEW = timedelta(hours=1)


class FilterInvalid(FieldInvalid):
    code = "filter_invalid"


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Empty means any. The names are the API's."""

    resolution: str = ""
    task_type: str = ""
    priority: str = ""
    fingerprint: str = ""
    reason: str = ""
    since: datetime | None = None
    ids: tuple[UUID, ...] | None = None

    def apply(self, letters: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
        wanted = {
            "resolution": self.resolution,
            "task": self.task_type,
            "queue": self.priority,
            "group": self.fingerprint,
            "reason": self.reason,
        }
        found = letters.filter(**{column: value for column, value in wanted.items() if value})
        if self.since is not None:
            found = found.filter(created_at__gte=self.since, id__gte=ids.lowest_at(self.since - _CLOCK_SKEW))
        return found if self.ids is None else found.filter(id__in=self.ids)

    def as_json(self) -> dict[str, Any]:
        names = ("resolution", "task_type", "priority", "fingerprint", "reason")
        written: dict[str, Any] = {name: value for name in names if (value := getattr(self, name))}
        if self.since is not None:
            written["since"] = self.since.isoformat()
        if self.ids is not None:
            written["ids"] = [str(id_) for id_ in self.ids]
        return written


def read(given: Mapping[str, Any]) -> LetterFilter:
    """Raises FilterInvalid for a name or value that means nothing."""
    unknown = sorted(given.keys() - LetterFilter.__dataclass_fields__.keys())
    if unknown:
        known = ", ".join(LetterFilter.__dataclass_fields__)
        raise FilterInvalid(str(unknown[0])[:50], f"There is no such filter. There are: {known}.")
    return LetterFilter(
        resolution=_one_of("resolution", given, Resolution.values),
        task_type=_text("task_type", given),
        priority=_text("priority", given),
        fingerprint=_text("fingerprint", given),
        reason=_one_of("reason", given, [burial.value for burial in Burial]),
        since=_moment("since", given),
        ids=_ids("ids", given),
    )


def _text(name: str, given: Mapping[str, Any]) -> str:
    value = given.get(name)
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or len(value) > _TEXT_MAX_CHARACTERS or not value.isprintable():
        raise FilterInvalid(name, f"Give text of at most {_TEXT_MAX_CHARACTERS} printable characters.")
    return value


def _one_of(name: str, given: Mapping[str, Any], choices: list[str]) -> str:
    value = _text(name, given)
    if value and value not in choices:
        raise FilterInvalid(name, f"Give one of: {', '.join(choices)}.")
    return value


def _moment(name: str, given: Mapping[str, Any]) -> datetime | None:
    value = given.get(name)
    if value is None or value == "" or isinstance(value, datetime):
        return value or None
    try:
        moment = parse_datetime(value.replace(" ", "+")) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise FilterInvalid(name, "Give an ISO 8601 time, as in 2026-11-20T14:00:00Z.")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _ids(name: str, given: Mapping[str, Any]) -> tuple[UUID, ...] | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) > IDS_MAX:
        raise FilterInvalid(name, f"Give a list of at most {IDS_MAX} ids.")
    try:
        return tuple(dict.fromkeys(id_ if isinstance(id_, UUID) else UUID(str(id_)) for id_ in value))
    except ValueError:
        raise FilterInvalid(name, "Give the ids of dead letters.") from None
