"""Looks at the broker as a stranger would: raw lists, and Celery's own way of reading a message."""

import base64
import json
from typing import Any, cast

import redis
from django.conf import settings


def raw(queue: str = "default") -> list[bytes]:
    """The messages of a queue, oldest first."""
    with redis.Redis.from_url(settings.BROKER_URL) as client:
        return cast("list[bytes]", client.lrange(queue, 0, -1))[::-1]


def envelopes(queue: str = "default") -> list[dict[str, Any]]:
    return [json.loads(text) for text in raw(queue)]


def headers(queue: str = "default") -> list[dict[str, Any]]:
    return [envelope["headers"] for envelope in envelopes(queue)]


def ids(queue: str = "default") -> list[str]:
    return [header["id"] for header in headers(queue)]


def bodies(queue: str = "default") -> list[Any]:
    """(args, kwargs, embedded) of each."""
    return [json.loads(base64.b64decode(envelope["body"])) for envelope in envelopes(queue)]


def take(queue: str = "default") -> None:
    """Pop the oldest, as a worker that dies right afterwards does."""
    with redis.Redis.from_url(settings.BROKER_URL) as client:
        client.rpop(queue)


def drop(queue: str = "default") -> None:
    with redis.Redis.from_url(settings.BROKER_URL) as client:
        client.delete(queue)
