"""Which sockets there are."""

from typing import Any

from django.urls import path, re_path

from dashboard.consumers import StatsSocket


async def refuse(_scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Nothing lives at this path."""
    await receive()
    await send({"type": "websocket.close"})


stats: Any = StatsSocket()  # Channels routes ASGI applications as Django routes views
nowhere: Any = refuse
websocket_urlpatterns = [path("ws/stats", stats), path("ws/stats/", stats), re_path("", nowhere)]
