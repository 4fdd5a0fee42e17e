"""The socket at /ws/stats: lets in who may look, again every minute, and leaves the rest to the feed."""

import asyncio
from collections import Counter
from io import BytesIO
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string

from dashboard.feed import Feed, Send
from jobs import conf
from jobs.api import actors, loopback
from jobs.domain.actors import Actor

NOT_LOGGED_IN, NOT_ALLOWED, TOO_MANY, TRY_LATER = 4401, 4403, 4429, 1013
NEEDED = "jobs.view_job"


class StatsSocket:
    """An ASGI application; one instance serves every socket of the process."""

    def __init__(self) -> None:
        self._feed: Feed | None = None
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        await receive()
        request = handshake(scope)
        if not is_from_here(request):
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        actor = await look(request)
        refusal = actor if isinstance(actor, int) else self._refuse_crowd(actor)
        if refusal or isinstance(actor, int):
            await send({"type": "websocket.close", "code": refusal})
            return
        self._open[actor.name] += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self._open[actor.name] -= 1

    def _refuse_crowd(self, actor: Actor) -> int:
        return TOO_MANY if self._open[actor.name] >= conf.current().SOCKETS_PER_USER else 0

    async def _serve(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        feed = self._feed = self._feed or Feed()
        try:
            await feed.join(send)
            while not await _has_left(receive, within_seconds=conf.current().SOCKET_RECHECK_SECONDS):
                found = await look(handshake(scope))
                if isinstance(found, int) and found != TRY_LATER:
                    await send({"type": "websocket.close", "code": found})
                    return
        finally:
            feed.leave(send)


async def _has_left(receive: Any, *, within_seconds: float) -> bool:
    """Whether the client went away before the time was up. What it says meanwhile is not listened to."""
    try:
        async with asyncio.timeout(within_seconds):
            while (await receive())["type"] != "websocket.disconnect":
                pass
    except TimeoutError:
        return False
    return True


def handshake(scope: dict[str, Any]) -> HttpRequest:
    """The request that opened the socket, as the HTTP views would see it."""
    request = ASGIRequest({**scope, "type": "http", "method": "GET"}, BytesIO())
    store: type[SessionBase] = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    request.session = store(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = SimpleLazyObject(lambda: auth.get_user(request))  # type: ignore[assignment]
    return request


def is_from_here(request: HttpRequest) -> bool:
    """Same origin, or one that the operator trusts; a client without an Origin is no browser and brings credentials."""
    origin = request.META.get("HTTP_ORIGIN")
    scheme = "https" if settings.SECURE_SSL_REDIRECT else (request.scheme or "http")
    try:
        host = request.get_host()
    except DisallowedHost:
        return False
    return loopback.is_same_origin(origin, scheme=scheme, host=host) or origin in settings.CSRF_TRUSTED_ORIGINS


@database_sync_to_async
def look(request: HttpRequest) -> Actor | int:
    """Who asks, or the code to close with."""
    try:
        actor = actors.recognise(request)
    except DatabaseError:
        return TRY_LATER
    if actor is None:
        return NOT_LOGGED_IN
    return actor if actor.may(NEEDED) else NOT_ALLOWED
