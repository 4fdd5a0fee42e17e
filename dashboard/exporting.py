"""Lists as files, written while they are read: by key, a piece at a time, secrets redacted."""

import csv
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from jobs import conf
from jobs.api.deadlines import list_deadline
from jobs.domain import redaction
from jobs.domain.actors import Actor
from jobs.models import Job

MOST = 100_000
_PIECE = 500
_OPEN = (
    "id", "task", "queue", "state", "attempt", "source", "submitted_by", "correlation_id", "tags",
    "created_at", "run_at", "started_at", "finished_at", "error_type",
)  # fmt: skip
_SECRET = ("error", "payload", "result")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Format = Literal["csv", "json"]


def download(jobs: QuerySet[Job], *, form: Format, actor: Actor, request: HttpRequest) -> StreamingHttpResponse:
    """Newest first. What somebody may not see on the pages is not in the file either."""
    columns = _OPEN + _SECRET if actor.may("jobs.view_payload") else _OPEN
    rows = _rows(jobs, columns)
    text = _csv(rows, columns) if form == "csv" else _json(rows)
    kind = "text/csv; charset=utf-8" if form == "csv" else "application/json"
    return stream(text, name=f"jobs.{form}", kind=kind, request=request)


def stream(pieces: Iterator[str], *, name: str, kind: str, request: HttpRequest) -> StreamingHttpResponse:
    """A file that is sent while it is written."""
    content = _turn_by_turn(pieces) if isinstance(request, ASGIRequest) else pieces
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(content, content_type=kind, headers=headers)


def _rows(jobs: QuerySet[Job], columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    left, last = MOST, None
    while left > 0:
        piece = jobs if last is None else jobs.filter(id__lt=last)
        with list_deadline():
            found = list(piece.order_by("-id").values(*columns)[: min(_PIECE, left)])
        for row in found:
            yield {name: _hidden(value) if name in _SECRET else value for name, value in row.items()}
        if len(found) < _PIECE:
            return
        left, last = left - len(found), found[-1]["id"]


def _hidden(value: Any) -> Any:
    return redaction.redact(value, pattern=conf.current().SECRET_KEYS)


class _Echo:
    """What a writer of CSV writes to: it hands the line back."""

    def write(self, line: str) -> str:
        return line


def _csv(rows: Iterator[dict[str, Any]], columns: tuple[str, ...]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield str(writer.writerow(columns))
    for row in rows:
        yield str(writer.writerow([_cell(row[name]) for name in columns]))


def _cell(value: Any) -> str:
    """A spreadsheet must not take a text for a formula."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, cls=DjangoJSONEncoder)
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _json(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    before = "[\n"
    for row in rows:
        yield before + json.dumps(row, ensure_ascii=False, cls=DjangoJSONEncoder)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


async def _turn_by_turn(pieces: Iterator[str]) -> AsyncIterator[str]:
    """The event loop goes on while a piece is read."""
    read = sync_to_async(_next)
    while (piece := await read(pieces)) is not None:
        yield piece


def _next(pieces: Iterator[str]) -> str | None:
    """A StopIteration can't cross into a coroutine."""
    return next(pieces, None)
