"""Pages of any list, newest or first by key, cut by a cursor that holds nothing but a direction and a key.

A page is a range of an index, whatever the cursor says; a cursor that can't be read leads nowhere: 404.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

PAGE_SIZE = 50
PAGE_SIZE_MAX = 200
PARAMETERS = ("cursor", "page_size")
_ON, _BACK = "n", "p"

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after the key, or before it when going back."""

    key: str
    is_back: bool = False

    def __str__(self) -> str:
        text = (_BACK if self.is_back else _ON) + self.key
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> "Cursor":
        try:
            plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
        except (binascii.Error, ValueError):
            raise NotFound("This cursor is not one of ours.") from None
        if plain[:1] not in (_ON, _BACK):
            raise NotFound("This cursor is not one of ours.")
        return cls(plain[1:], is_back=plain[0] == _BACK)


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    items: list[Item]
    next: Cursor | None
    previous: Cursor | None

    def link(self, request: Request, cursor: Cursor | None) -> str | None:
        return replace_query_param(request.build_absolute_uri(), "cursor", str(cursor)) if cursor else None

    def respond(self, request: Request, results: Sequence[Any]) -> Response:
        links = {"next": self.link(request, self.next), "previous": self.link(request, self.previous)}
        return Response({**links, "results": results})


def page_of_rows(rows: QuerySet[Any], *, request: Request) -> Page[Any]:
    """Newest first, by the UUIDv7 that is the primary key."""

    def fetch(cursor: Cursor | None, limit: int) -> list[Any]:
        if cursor is None:
            return list(rows.order_by("-pk")[:limit])
        try:
            key = UUID(cursor.key)
        except ValueError:
            raise NotFound("This cursor is not one of ours.") from None
        if cursor.is_back:
            return list(rows.filter(pk__gt=key).order_by("pk")[:limit])
        return list(rows.filter(pk__lt=key).order_by("-pk")[:limit])

    return page_by(fetch, key_of=lambda row: str(row.pk), request=request)


def page_of_names(items: Sequence[Item], *, key_of: Callable[[Item], str], request: Request) -> Page[Item]:
    """Of a short list at hand, in the order of its keys."""
    ordered = sorted(items, key=key_of)

    def fetch(cursor: Cursor | None, limit: int) -> list[Item]:
        if cursor is None:
            return ordered[:limit]
        if cursor.is_back:
            return [item for item in reversed(ordered) if key_of(item) < cursor.key][:limit]
        return [item for item in ordered if key_of(item) > cursor.key][:limit]

    return page_by(fetch, key_of=key_of, request=request)


def page_by(
    fetch: Callable[[Cursor | None, int], list[Item]], *, key_of: Callable[[Item], str], request: Request
) -> Page[Item]:
    """`fetch` gives so many items after the cursor, or, going back, before it and backwards."""
    given = request.query_params.get("cursor")
    cursor = Cursor.read(given) if given is not None else None
    size = _page_size(request)
    found = fetch(cursor, size + 1)
    has_more, items = len(found) > size, found[:size]
    is_back = cursor is not None and cursor.is_back
    if is_back:
        items.reverse()
    if not items:
        return Page([], None, None)
    has_next, has_previous = (True, has_more) if is_back else (has_more, cursor is not None)
    return Page(
        items,
        next=Cursor(key_of(items[-1])) if has_next else None,
        previous=Cursor(key_of(items[0]), is_back=True) if has_previous else None,
    )


def _page_size(request: Request) -> int:
    text = request.query_params.get("page_size")
    if text is None:
        return PAGE_SIZE
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= PAGE_SIZE_MAX):
        raise ValidationError({"page_size": [f"Give a number from 1 to {PAGE_SIZE_MAX}."]})
    return int(text)


class KeysetPagination(BasePagination):
    """What the OpenAPI document says of lists; the views call the functions above."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        properties = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": ["next", "previous", "results"], "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "maximum": PAGE_SIZE_MAX, "default": PAGE_SIZE}
        return [
            {"name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}},
            {"name": "page_size", "in": "query", "required": False, "schema": size},
        ]
