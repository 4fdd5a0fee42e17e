"""Makes the Actor of a request: the one place where a user or a token becomes a name and a set of permissions."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from jobs.api.authentication import AUTHENTICATORS
from jobs.domain.actors import Actor
from jobs.models import ApiToken

_ATTRIBUTE = "tally_actor"


def actor_of(request: Request) -> Actor:
    """Of an authenticated API request; asked for once."""
    known = getattr(request, _ATTRIBUTE, None)
    if known is None:
        known = actor_of_user(request.user, token=request.auth, **traces_of(request))
        setattr(request, _ATTRIBUTE, known)
    return known


def traces_of(request: HttpRequest | Request) -> dict[str, str]:
    """What the records keep of a request. The address is the peer's own: a header could claim any."""
    address = request.META.get("REMOTE_ADDR") or ""
    return {"request_id": getattr(request, "request_id", ""), "source_address": str(address)[:64]}


def actor_of_user(user: Any, *, token: object = None, request_id: str = "", source_address: str = "") -> Actor:
    """A superuser may do everything; a token may do at most what it names."""
    scope = frozenset(token.permissions) if isinstance(token, ApiToken) else frozenset()
    if user.is_superuser and user.is_active:
        return Actor(user.get_username(), scope or None, request_id, source_address)
    held = frozenset(user.get_all_permissions())
    return Actor(user.get_username(), held & scope if scope else held, request_id, source_address)


def recognise(request: HttpRequest) -> Actor | None:
    """Of any Django request, a socket's handshake included; None: nobody we know."""
    wrapped = Request(request, authenticators=[authenticator() for authenticator in AUTHENTICATORS])
    try:
        user = wrapped.user
    except APIException:
        return None
    return None if isinstance(user, AnonymousUser) or user is None else actor_of(wrapped)
