"""Searches that somebody keeps under a name, and the columns that somebody hides: in cookies, so that no script is needed."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from dashboard.forms import FormInvalid

MOST = 12
NAME_MAX_CHARACTERS, QUERY_MAX_CHARACTERS = 40, 200
COLUMNS = ("queue", "attempt", "wait", "run", "worker", "when", "error")
_SEARCHES, _HIDDEN = "tally_searches", "tally_hidden"
_KEPT_SECONDS = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Bookmark:
    """`query` is what stands behind the question mark."""

    name: str
    query: str


def kept(request: HttpRequest) -> list[Bookmark]:
    """What can't be read is not there."""
    try:
        found = json.loads(base64.urlsafe_b64decode(request.COOKIES.get(_SEARCHES, "")))
        return [Bookmark(str(one["name"]), str(one["query"])) for one in found][:MOST]
    except (binascii.Error, ValueError, TypeError, KeyError):
        return []


def keep(request: HttpRequest, response: HttpResponse, *, name: str, query: str) -> None:
    if not name or len(name) > NAME_MAX_CHARACTERS or not name.isprintable():
        raise FormInvalid("name", f"Give a name of at most {NAME_MAX_CHARACTERS} characters.")
    if len(query) > QUERY_MAX_CHARACTERS:
        raise FormInvalid("search", f"A search that is kept has at most {QUERY_MAX_CHARACTERS} characters.")
    others = [one for one in kept(request) if one.name != name]
    if len(others) >= MOST:
        raise FormInvalid("name", f"You keep {MOST} searches already: forget one first.")
    _write(response, [*others, Bookmark(name, query)])


def forget(request: HttpRequest, response: HttpResponse, *, name: str) -> None:
    _write(response, [one for one in kept(request) if one.name != name])


def hidden_columns(request: HttpRequest) -> list[str]:
    return [name for name in request.COOKIES.get(_HIDDEN, "").split(".") if name in COLUMNS]


def hide_columns(response: HttpResponse, *, shown: Sequence[str]) -> None:
    hidden = [name for name in COLUMNS if name not in shown]
    response.set_cookie(_HIDDEN, ".".join(hidden), max_age=_KEPT_SECONDS, samesite="Lax")


def _write(response: HttpResponse, bookmarks: list[Bookmark]) -> None:
    text = base64.urlsafe_b64encode(json.dumps([asdict(one) for one in bookmarks]).encode()).decode()
    path = reverse("dashboard:jobs")  # no other page needs it
    response.set_cookie(_SEARCHES, text, max_age=_KEPT_SECONDS, path=path, samesite="Lax", httponly=True)
