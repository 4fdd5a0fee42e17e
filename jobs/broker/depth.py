"""Looks at the broker's lists: how many messages a queue holds, and how old the oldest is."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import redis
from celery import current_app
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs import conf
from jobs.broker import message


@dataclass(frozen=True, slots=True)
class Depth:
    """`oldest_published_at` is None for an empty list, and for a message that carries no stamp of ours."""

    messages: int
    oldest_published_at: datetime | None


@cache
def client() -> redis.Redis:
    """The broker's own database; lists are read as bytes."""
    return redis.Redis.from_url(
        current_app.conf.broker_url,
        socket_timeout=conf.current().JOURNAL_TIMEOUT_SECONDS,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


def look(queue: str) -> Depth:
    with client().pipeline(transaction=True) as pipeline:
        pipeline.llen(queue)
        pipeline.lindex(queue, -1)
        length, tail = pipeline.execute()
    return Depth(int(length), _published_at(tail) if tail else None)


def _published_at(raw: bytes) -> datetime | None:
    try:
        headers: dict[str, Any] = json.loads(raw)["headers"]
    except (ValueError, KeyError, TypeError):
        return None
    return message.stamp(headers.get("published_at"))


def forget() -> None:
    client.cache_clear()
