"""Which sockets there are."""

from typing import Any

from django.conf import settings
from django.urls import path, re_path

from dashboard.consumers import StatsSocket


async def refuse(_scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Nothing lives at this path."""
    await receive()
    await send({"type": "websocket.close"})


def with_prefix(prefix: str | None) -> list[Any]:
    """The routes. Channels takes away a prefix that the server knows as root path, not one that only Django was told."""
    before = f"{prefix.strip('/')}/" if prefix else ""
    roads = {"", before}
    return [path(f"{road}ws/stats{end}", stats) for road in sorted(roads) for end in ("", "/")]


stats: Any = StatsSocket()  # Channels routes ASGI applications as Django routes views
nowhere: Any = refuse
websocket_urlpatterns = [*with_prefix(settings.FORCE_SCRIPT_NAME), re_path("", nowhere)]
