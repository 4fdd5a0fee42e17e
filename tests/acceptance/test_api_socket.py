"""The socket at /ws/stats as a browser, a script and a crowd see it."""

import selectors
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import redis

from tests.support.client import Client, Refused, WebSocket
from tests.support.stack import Stack
from tests.support.waiting import until

SEVEN = {
    "queued_high", "queued_default", "queued_low", "active_tasks", "failed_tasks", "success_tasks", "workers_online",
}  # fmt: skip
TASK = {"task_type": "process_data", "payload": {"dataset": "x"}}
LOCAL = {"DEBUG": "1", "TALLY_EMBEDDED": "1"}
CROWD = 200
USERS = """
from django.contrib.auth.models import User
from jobs.control import roles, tokens
from jobs.domain.actors import CODE
from django.contrib.auth.models import Group
roles.set_up()
user, _ = User.objects.get_or_create(username="vera")
user.groups.set(Group.objects.filter(name={role!r}))
print(tokens.issue(user, actor=CODE).secret)
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, migrated_database: str) -> Iterator[Stack]:
    """Open to the local developer, with a keeper that samples."""
    with Stack(tmp_path_factory.mktemp("live"), template=migrated_database, **LOCAL) as stack:
        stack.start_web()
        stack.start_keeper()
        yield stack


def token(stack: Stack, role: str) -> dict[str, str]:
    return {"Authorization": f"Token {stack.run_python(USERS.format(role=role)).strip()}"}


def closing_code(stack: Stack, **headers: str) -> int | None:
    with WebSocket(stack.port, headers=headers) as socket:
        assert socket.receive() is None
        return socket.closed_with


def frames(socket: WebSocket, count: int) -> list[dict[str, Any]]:
    found = [socket.receive() for _ in range(count)]
    assert None not in found
    return [frame for frame in found if frame is not None]


def wait_for_frame(socket: WebSocket, *, stale: bool) -> dict[str, Any]:
    for _ in range(30):
        frame = socket.receive()
        assert frame is not None
        if frame["stale"] is stale:
            return frame
    raise AssertionError(f"no frame with stale={stale} came")


def test_frames_come_at_once_and_at_least_every_two_seconds(live: Stack) -> None:
    until(lambda: Client(live.port).get("/api/workers/health").json()["keeper"]["status"] == "ok",
          seconds=30, what="the keeper to sample")  # fmt: skip
    with WebSocket(live.port) as socket:
        arrivals, seen = [time.monotonic()], []
        for _ in range(6):
            seen += frames(socket, 1)
            arrivals.append(time.monotonic())
    assert all(frame.keys() >= SEVEN | {"seq", "ts", "stale"} for frame in seen)
    assert max(after - before for before, after in pairwise(arrivals)) < 3
    numbers = [frame["seq"] for frame in seen]
    assert numbers == sorted(set(numbers))
    assert not seen[-1]["stale"]


def test_a_submission_is_seen_within_seconds(live: Stack) -> None:
    with WebSocket(live.port) as socket:
        before = wait_for_frame(socket, stale=False)["queued_low"]
        Client(live.port).post("/api/tasks/submit", {**TASK, "priority": "low"})
        until(lambda: (socket.receive() or {}).get("queued_low") == before + 1, seconds=20, what="a frame to count it")


def test_without_samples_the_socket_counts_for_itself_and_says_so(live: Stack) -> None:
    with WebSocket(live.port) as socket:
        before = wait_for_frame(socket, stale=False)["queued_default"]
        live.processes["keeper"].signal(signal.SIGSTOP)
        Client(live.port).post("/api/tasks/submit", TASK)
        began_at = time.monotonic()
        frame = wait_for_frame(socket, stale=True)
        assert time.monotonic() - began_at < 10
        assert frame["queued_default"] == before + 1
        live.processes["keeper"].signal(signal.SIGCONT)
        wait_for_frame(socket, stale=False)


def test_with_redis_gone_frames_go_on(live: Stack) -> None:
    with WebSocket(live.port) as socket:
        before = wait_for_frame(socket, stale=False)["queued_default"]
        live.redis.kill()
        frame = wait_for_frame(socket, stale=True)
        assert frame["queued_default"] == before
        assert frame["workers_online"] is None
        live.redis.start()
        wait_for_frame(socket, stale=False)


def test_who_may_look_and_who_may_not(stack: Stack) -> None:
    stack.start_web()
    origin = {"Origin": f"http://127.0.0.1:{stack.port}"}
    assert closing_code(stack) == 4401
    assert closing_code(stack, **origin) == 4401
    assert closing_code(stack, Authorization="Token wrong") == 4401
    viewer = token(stack, "Viewer")
    with WebSocket(stack.port, headers={**viewer, **origin}) as socket:
        assert frames(socket, 1)
    with WebSocket(stack.port, "/ws/stats/", headers=viewer) as socket:
        assert frames(socket, 1)
    stack.run_python("from django.contrib.auth.models import User; User.objects.get().groups.clear()")
    assert closing_code(stack, **viewer) == 4403
    for foreign in ("http://evil.example", "null", f"https://127.0.0.1:{stack.port}", "http://127.0.0.1:1"):
        with pytest.raises(Refused, match="403"):
            WebSocket(stack.port, headers={**viewer, "Origin": foreign})
    with pytest.raises(Refused, match="403"):
        WebSocket(stack.port, headers={**viewer, "Host": "evil.example"})
    with pytest.raises(Refused, match="403"):
        WebSocket(stack.port, "/ws/other", headers=viewer)


def test_a_right_that_is_taken_away_ends_the_socket(stack: Stack) -> None:
    stack.environment |= {
        "DJANGO_SETTINGS_MODULE": "tests.support.settings",
        "TALLY_TEST_TASKQUEUE": '{"SOCKET_RECHECK_SECONDS": 0.5, "SOCKETS_PER_USER": 2}',
    }
    stack.start_web()
    viewer = token(stack, "Viewer")
    with WebSocket(stack.port, headers=viewer) as first, WebSocket(stack.port, headers=viewer) as second:
        assert frames(first, 2)
        assert frames(second, 1)
        assert closing_code(stack, **viewer) == 4429
        stack.run_python("from django.contrib.auth.models import User; User.objects.get().groups.clear()")
        until(lambda: first.receive() is None, seconds=20, what="the socket to be closed")
        assert first.closed_with == 4403
    stack.run_python("from jobs.models import ApiToken; ApiToken.objects.all().delete()")
    assert closing_code(stack, **viewer) == 4401


def test_sockets_are_told_to_come_back_when_the_server_stops(stack: Stack) -> None:
    stack.environment |= LOCAL
    web = stack.start_web()
    with WebSocket(stack.port) as socket:
        frames(socket, 1)
        web.signal(signal.SIGTERM)
        until(lambda: socket.receive() is None, seconds=20, what="the socket to be closed")
        assert socket.closed_with == 1012
    assert web.wait(seconds=15) == 0


def test_a_crowd_costs_one_subscription_and_is_served_like_one(live: Stack) -> None:
    with WebSocket(live.port) as alone:
        wait_for_frame(alone, stale=False)
        before = calls(live)
        crowd = [WebSocket(live.port) for _ in range(CROWD)]
        try:
            gaps = listen(crowd, seconds=8)
        finally:
            for socket in crowd:
                socket.close()
        after = calls(live)
    assert len(gaps) == CROWD
    assert max(max(gap) for gap in gaps.values()) < 3.5
    assert min(len(gap) for gap in gaps.values()) >= 4
    assert after["subscribe"] - before["subscribe"] == 0
    # The keeper publishes once a second, however many look; opening the sockets took a while as well.
    assert after["publish"] - before["publish"] < 40


def calls(stack: Stack) -> dict[str, int]:
    with redis.Redis.from_url(stack.redis.url) as client:
        told: Any = client.info("commandstats")
    return {name: told.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("subscribe", "publish")}


def listen(crowd: list[WebSocket], *, seconds: float) -> dict[int, list[float]]:
    """For each socket, the seconds between its frames."""
    last = {socket.fileno(): time.monotonic() for socket in crowd}
    gaps: dict[int, list[float]] = defaultdict(list)
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for socket in crowd:
            assert socket.receive() is not None
            last[socket.fileno()] = time.monotonic()
            selector.register(socket, selectors.EVENT_READ, socket)
        while time.monotonic() < deadline:
            for key, _ in selector.select(timeout=0.5):
                if key.data.receive() is not None:
                    now = time.monotonic()
                    gaps[key.fd].append(now - last[key.fd])
                    last[key.fd] = now
    return gaps
