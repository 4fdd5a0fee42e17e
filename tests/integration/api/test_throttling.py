"""Throttling: so many requests a minute for each user or token; whoever can't be counted is let through."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobs.api import throttling
from jobs.broker import connections
from tests.integration.api.conftest import Caller, make_user, token_of


@pytest.fixture(autouse=True)
def _three_a_minute(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.TASKQUEUE = {**settings.TASKQUEUE, "REQUESTS_PER_MINUTE": 3}
    monkeypatch.setattr(time, "time", lambda: 1_000_000_000.0)
    throttling._breaker.reset()
    yield
    throttling._breaker.reset()


def codes(caller: Caller, times: int) -> list[int]:
    return [caller.get("/api/workers/stats").status_code for _ in range(times)]


def test_the_fourth_request_of_a_minute_is_refused(viewer: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    assert codes(viewer, 4) == [200, 200, 200, 429]
    answer = viewer.get("/api/workers/stats")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert set(answer.json()) == {"detail"}
    monkeypatch.setattr(time, "time", lambda: 1_000_000_060.0)
    assert codes(viewer, 1) == [200]


def test_each_user_and_each_token_is_counted_alone(viewer: Caller, caller_as: Callable[[str], Caller]) -> None:
    assert codes(viewer, 4)[-1] == 429
    assert codes(caller_as("operator"), 3) == [200] * 3
    user = make_user("vera", "viewer")
    for _ in range(2):
        assert codes(Caller({"Authorization": f"Token {token_of(user)}"}), 4) == [200, 200, 200, 429]


def test_with_redis_away_everybody_is_let_through_and_redis_is_left_alone_a_while(
    viewer: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def away() -> Any:
        asked.append(1)
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(connections, "hasty", away)
    monkeypatch.setattr("jobs.api.statistics.live_workers", lambda: None)
    assert codes(viewer, 6) == [200] * 6
    assert len(asked) == 1
