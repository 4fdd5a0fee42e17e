"""The web server: daphne, with an end that loses nothing and a limit on what a body may weigh.

At SIGTERM it stops listening, closes sockets with 1012 (come back), lets requests in flight finish, and is gone.
Run as `python -m taskqueue_project.server -b HOST -p PORT`.
"""

import json
import logging
import sys
import time
from typing import Any
from weakref import WeakSet

from daphne import server as daphne_server  # first: it installs the reactor
from daphne.cli import CommandLineInterface
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.web import http

logger = logging.getLogger(__name__)

APPLICATION = "taskqueue_project.asgi:application"
FINISH_WITHIN_SECONDS = 10.0
FIRST_REQUEST_SECONDS = 3.0  # a connection that was taken before the end began has this long to ask
LOOK_EVERY_SECONDS = 0.02
reactor: Any = _reactor  # its stubs know the first argument of callLater as the callable
COME_BACK, TRY_LATER = 1012, 1013
REGISTERED_CODES = (COME_BACK, TRY_LATER)
BODY_MAX_BYTES = 17 * 1024 * 1024  # a little over the largest that a view takes, so that the view says why
DISCARDED_MAX_BYTES = 8 * BODY_MAX_BYTES


class Request(WebRequest):
    """One HTTP request. A body that is too large is read, not kept, and answered with 413."""

    is_whole = False
    _received = 0

    def handleContentChunk(self, data: bytes) -> None:
        self._received += len(data)
        if self._received <= BODY_MAX_BYTES:
            super().handleContentChunk(data)
        elif self._received > DISCARDED_MAX_BYTES:
            self.channel.forceAbortClient()

    def process(self) -> Any:
        self.is_whole = self.channel.has_been_asked = True
        if self._received > BODY_MAX_BYTES:
            return self.basic_error(413, b"Content Too Large", f"The body has more than {BODY_MAX_BYTES:,} bytes.")
        if self.requestHeaders.hasHeader(b"transfer-encoding"):
            # It came in chunks; the application counts bytes by their declared number.
            self.requestHeaders.setRawHeaders(b"content-length", [str(self._received).encode()])
        return super().process()

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message.get("type") == "http.response.start" and self.server.is_stopping:
            message = {**message, "headers": [*message.get("headers", []), (b"Connection", b"close")]}
        super().handle_reply(message)

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        """What daphne says without asking the application."""
        headers = [(b"Content-Type", b"application/json")]
        self.handle_reply({"type": "http.response.start", "status": status, "headers": headers})
        self.handle_reply({"type": "http.response.body", "body": json.dumps({"detail": body}).encode()})


class Channel(http.HTTPChannel):
    """One HTTP connection, which may carry many requests."""

    has_been_asked = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self.opened_at = time.monotonic()
        self.factory.channels.add(self)

    def connectionLost(self, reason: Any = connectionDone) -> None:
        super().connectionLost(reason)
        self.factory.channels.discard(self)

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Twisted's answer to what is no HTTP, given a body."""
        body = json.dumps({"detail": "That is no HTTP request."}).encode()
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        transport: Any = self.transport
        transport.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        self.loseConnection()

    def is_being_asked(self) -> bool:
        """Part of a request has come, or the connection is so new that its first is on the way."""
        if self.requests:
            return not all(request.is_whole for request in self.requests)
        return not self.has_been_asked and time.monotonic() - self.opened_at < FIRST_REQUEST_SECONDS

    def close_when_idle(self) -> None:
        if self.requests:
            self.persistent = False
        elif not self.is_being_asked():
            self.loseConnection()


class Factory(HTTPFactory):
    protocol = Channel

    def __init__(self, server: "Server") -> None:
        super().__init__(server)
        self.channels: WeakSet[Channel] = WeakSet()

    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = Request
        return protocol


class Socket(WebSocketProtocol):
    """One WebSocket. While its client doesn't take what was sent, further frames are skipped: only the latest counts."""

    _is_behind = False

    def onOpen(self) -> None:
        super().onOpen()
        self.transport.unregisterProducer()  # it was the HTTP connection
        self.transport.registerProducer(self, streaming=True)

    def pauseProducing(self) -> None:
        self._is_behind = True

    def resumeProducing(self) -> None:
        self._is_behind = False

    def stopProducing(self) -> None:
        self._is_behind = True

    def serverSend(self, content: Any, binary: bool = False) -> None:
        if not self._is_behind:
            super().serverSend(content, binary)

    def serverClose(self, code: int | None = None) -> None:
        """Autobahn sends the registered codes only for itself."""
        if code in REGISTERED_CODES and self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=code)
        else:
            super().serverClose(code)


class SocketFactory(WebSocketFactory):
    protocol = Socket


class Server(daphne_server.Server):
    is_stopping = False

    def run(self) -> None:
        # Daphne makes its factories by these names.
        daphne_server.HTTPFactory, daphne_server.WebSocketFactory = Factory, SocketFactory
        self.ports: list[Any] = []
        super().run()

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        self.ports.append(port)
        logger.info("web ready on %s", port.getHost())

    def kill_all_applications(self) -> Any:
        """What the reactor waits for before it stops: here the requests may finish, then the rest is cancelled."""
        self.is_stopping = True
        for port in self.ports:
            port.stopListening()
        for channel in list(self.http_factory.channels):
            channel.close_when_idle()
        for protocol in list(self.connections):
            if isinstance(protocol, Socket) and protocol.state == Socket.STATE_OPEN:
                protocol.serverClose(code=COME_BACK)
        finished: Deferred[None] = Deferred()
        self._wait(finished, give_up_at=time.monotonic() + FINISH_WITHIN_SECONDS)
        return finished

    def _wait(self, finished: "Deferred[None]", *, give_up_at: float) -> None:
        if self._are_in_flight() and time.monotonic() < give_up_at:
            reactor.callLater(LOOK_EVERY_SECONDS, lambda: self._wait(finished, give_up_at=give_up_at))
            return
        for details in self.connections.values():
            if "application_instance" in details:
                details["application_instance"].cancel()
        reactor.callLater(0, finished.callback, None)

    def _are_in_flight(self) -> bool:
        are_answered = any("disconnected" not in details for details in self.connections.values())
        return are_answered or any(channel.is_being_asked() for channel in list(self.http_factory.channels))


class Command(CommandLineInterface):
    server_class = Server


def main() -> None:
    Command().run([*sys.argv[1:], "--no-server-name", APPLICATION])


if __name__ == "__main__":
    main()
