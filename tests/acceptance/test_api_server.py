"""What the web server itself promises: slow sockets skip frames, and its own refusals are JSON."""

import json
import signal
import socket

import pytest

from taskqueue_project.localstack import ports
from tests.support import flooding
from tests.support.client import Client, WebSocket
from tests.support.stack import Stack
from tests.support.waiting import until

LAUNCH = """
from taskqueue_project import server
server.APPLICATION = "tests.support.flooding:application"
server.main()
"""


@pytest.fixture
def port(stack: Stack) -> int:
    port = ports.find_free()
    stack.start("flood", "-c", LAUNCH, "-b", "127.0.0.1", "-p", str(port))
    until(lambda: answers(port), seconds=60, what="the server to answer")
    return port


def answers(port: int) -> bool:
    try:
        return Client(port).get("/").status == 200
    except OSError:
        return False


def listens(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def test_a_slow_socket_skips_frames_and_the_server_keeps_none_for_it(port: int) -> None:
    with WebSocket(port, receive_buffer=4_096) as slow:
        for _ in range(20):
            assert Client(port).get("/").status == 200  # the flood goes on, and so do others
        numbers: list[int] = []
        slow._socket.settimeout(3)
        try:
            while len(numbers) < flooding.FRAMES:
                frame = slow.receive()
                assert frame is not None
                numbers.append(frame["number"])
        except TimeoutError:
            pass
    assert numbers[0] == 0
    assert numbers == sorted(numbers)
    assert len(numbers) < flooding.FRAMES / 2


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /\xff HTTP/1.1",
        b"GET /?\xff HTTP/1.1",
        b"GET / HTTP/1.1\r\nX(Bad: a",
        b"nonsense",
        b"GET / HTTP/1.1\r\nX: \0",
    ],
)
def test_what_the_server_refuses_itself_is_told_in_json(port: int, request_line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request_line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert set(json.loads(body)) == {"detail"}


@pytest.mark.parametrize(
    "sent_before", [b"", b"GET / HTT", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{"]
)
def test_a_request_that_is_on_its_way_at_the_end_is_answered(stack: Stack, port: int, sent_before: bytes) -> None:
    whole = sent_before + b"}" if b"POST" in sent_before else b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    process = stack.processes["flood"]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(sent_before)
        assert Client(port).get("/").status == 200  # by now the server has taken the connection and what came over it
        process.signal(signal.SIGTERM)
        until(lambda: not listens(port), seconds=10, what="the server to listen no more")
        connection.sendall(whole.removeprefix(sent_before))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
    assert process.wait(seconds=20) == 0
