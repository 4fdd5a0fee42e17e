"""An ASGI application whose socket sends numbered frames faster than anybody reads, for the test of slow clients."""

from collections.abc import Generator
from typing import Any

FRAMES = 3_000
PADDING = "x" * 10_000


class Turn:
    """One turn of the event loop for the others."""

    def __await__(self) -> Generator[None, None, None]:
        yield


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    for number in range(FRAMES):
        await send({"type": "websocket.send", "text": f'{{"number": {number}, "padding": "{PADDING}"}}'})
        await Turn()
    while (await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": '{"number": -1}'})
