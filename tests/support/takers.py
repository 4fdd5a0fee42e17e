"""The queues of the suite's Redis, and what a process would take from them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.conf import settings

from jobs import conf
from jobs.broker import connections, journal, taking
from jobs.broker.taking import Wish
from jobs.domain.journal import Executor

ANN = Executor(worker="ann@host", incarnation="aaaa", pid=1, beat=3)
QUEUE = "default"


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    """Whose queues are empty, and who knows no script: or the order of tests would decide which it knows."""
    url = conf.current().JOURNAL_URL.rpartition("/")[0]
    with redis.Redis.from_url(f"{url}/{databases()[0]}", decode_responses=True) as client:
        journal.open_group(connections.patient())
        connections.patient().script_flush()
        client.delete("high", QUEUE)
        yield client


def databases() -> tuple[int, int]:
    found = taking.databases(settings.CELERY_BROKER_URL)
    assert found is not None
    return found


def message(**headers: Any) -> str:
    told: dict[str, Any] = {
        "v": 1,
        "id": str(uuid4()),
        "attempt": 1,
        "task": "noop",
        "published_at": datetime.now(UTC).isoformat(),
        "queued_at": datetime.now(UTC).isoformat(),
        "expires_at": None,
        "sealed": False,
        "timelimit": [None, None],
    }
    return json.dumps(
        {
            "headers": told | headers,
            "properties": {"body_encoding": "base64"},
            "body": "W10=",
            "content-type": "application/json",
            "content-encoding": "utf-8",
        }
    )


def wish(**changed: Any) -> Wish:
    usual: dict[str, Any] = {
        "queues": ("high", QUEUE),
        "databases": databases(),
        "tasks": ("other", "noop"),
        "by": ANN,
        "token": "t2",
        "trusted_from": datetime.now(UTC) - timedelta(minutes=1),
    }
    return Wish(**usual | changed)


def told() -> list[object]:
    return [line.entry for line in journal.read(connections.patient(), reader="test", count=100, block_ms=None)]


QUESTIONABLE = pytest.mark.parametrize(
    "headers",
    [
        {"task": "unknown here"},
        {"v": 2},
        {"v": None},
        {"attempt": None},
        {"attempt": 0},
        {"id": None},
        {"id": 7},
        {"expires_at": datetime.now(UTC).isoformat()},
        {"expires": datetime.now(UTC).isoformat()},
        {"eta": datetime.now(UTC).isoformat()},
        {"sealed": True},
        {"timelimit": [10, None]},
        {"timelimit": [None, 5.5]},
        {"timelimit": "soon"},
        {"published_at": None},
        {"published_at": datetime.now(UTC).isoformat().replace("+00:00", "+02:00")},
        {"published_at": datetime.now(UTC).isoformat().replace("+00:00", "")},
    ],
    ids=lambda headers: str(next(iter(headers))),
)
