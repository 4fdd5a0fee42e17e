"""A client of the HTTP API and of the socket, as a stranger would write it: from the standard library, over TCP."""

import base64
import http.client
import json
import os
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(slots=True)
class Client:
    """One address, and the headers that go with every request."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"

    def with_token(self, secret: str) -> "Client":
        return Client(self.port, {**self.headers, "Authorization": f"Token {secret}"}, self.host)

    def request(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, raw: bytes = b""
    ) -> Answer:
        sent = {**self.headers, **(headers or {})}
        content: bytes | None = raw or None
        if body is not None:
            content = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body=content, headers=sent)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.request("POST", path, body, **options)

    def delete(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.request("DELETE", path, body, **options)


class Refused(Exception):
    """The handshake was answered with an HTTP status instead."""


class WebSocket:
    """A WebSocket that only listens. `closed_with` is the code that the server closed it with."""

    def __init__(
        self,
        port: int,
        path: str = "/ws/stats",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT_SECONDS,
        receive_buffer: int = 0,
    ) -> None:
        self.closed_with: int | None = None
        self._received = b""
        self._socket = socket.socket()
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(timeout)
        self._socket.connect(("127.0.0.1", port))
        sent = {
            "Host": f"127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            **(headers or {}),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        self._socket.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        head = self._read_until(b"\r\n\r\n").decode("latin-1")
        if not head.startswith("HTTP/1.1 101"):
            self.close()
            raise Refused(head.splitlines()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> dict[str, Any] | None:
        """The next frame; None when the server has closed."""
        while True:
            opcode, payload = self._read_frame()
            match opcode:
                case 0x1:
                    frame: dict[str, Any] = json.loads(payload)
                    return frame
                case 0x8:
                    self.closed_with = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                    return None
                case 0x9:
                    self._send(0xA, payload)

    def close(self) -> None:
        self._socket.close()

    def _send(self, opcode: int, payload: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
        self._socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + masked)

    def _read_frame(self) -> tuple[int, bytes]:
        first, second = self._read(2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack(">H", self._read(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self._read(8))[0]
        return first & 0x0F, self._read(length)

    def _read(self, count: int) -> bytes:
        while len(self._received) < count:
            self._fill()
        wanted, self._received = self._received[:count], self._received[count:]
        return wanted

    def _read_until(self, mark: bytes) -> bytes:
        while mark not in self._received:
            self._fill()
        wanted, self._received = self._received.split(mark, 1)
        return wanted

    def _fill(self) -> None:
        chunk = self._socket.recv(65_536)
        if not chunk:
            raise ConnectionResetError("the server hung up")
        self._received += chunk
