"""The audit trail as lines of JSON, oldest first: for whoever must keep it elsewhere. Read by key, a piece at a time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder

from jobs.models import Action, ids

_PIECE = 1_000
_SKEW = timedelta(minutes=1)  # a row's id is made a little before its time is read
COLUMNS = ("id", "at", "actor", "verb", "object", "reason", "before", "after", "request_id", "source_address")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Empty means any."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    verb: str = ""
    object: str = ""


def lines(wanted: Wanted) -> Iterator[str]:
    """Rows that are added meanwhile come too, when they are not past `until`."""
    last: UUID | None = None
    while rows := _piece(wanted, after=last):
        for row in rows:
            yield json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"))
        last = rows[-1]["id"]


def _piece(wanted: Wanted, *, after: UUID | None) -> list[dict[str, Any]]:
    texts = {"actor": wanted.actor, "verb": wanted.verb, "object": wanted.object}
    found = Action.objects.filter(**{column: value for column, value in texts.items() if value})
    if wanted.since is not None:
        found = found.filter(pk__gte=ids.lowest_at(wanted.since - _SKEW), at__gte=wanted.since)
    if wanted.until is not None:
        found = found.filter(pk__lt=ids.lowest_at(wanted.until + _SKEW), at__lt=wanted.until)
    if after is not None:
        found = found.filter(pk__gt=after)
    return list(found.order_by("pk").values(*COLUMNS)[:_PIECE])
