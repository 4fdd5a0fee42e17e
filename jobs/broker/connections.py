"""Clients of the journal's Redis. A patient one for workers and the keeper, a hasty one where a person waits."""

import itertools
import os
from functools import cache
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs import conf

# Away, silent, full, read-only, loading: whatever makes a command fail for now.
Unavailable = (redis.ConnectionError, redis.TimeoutError, redis.ResponseError, OSError)


_opened = itertools.count(1)
_generation = 0


def generation() -> int:
    """Grows with every new connection to Redis: whoever knew something about the server looks again."""
    return _generation


def _on_connect(connection: Any) -> None:
    global _generation  # noqa: PLW0603  (one per process is the point)
    connection.on_connect()
    _generation = next(_opened)


def _client(timeout_seconds: float) -> redis.Redis:
    return redis.Redis.from_url(
        conf.current().JOURNAL_URL,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=min(timeout_seconds, 2.0),
        socket_keepalive=True,
        health_check_interval=25,
        retry=Retry(NoBackoff(), 0),
        redis_connect_func=_on_connect,
        decode_responses=True,
        protocol=2,
    )


@cache
def _patient_of(pid: int) -> redis.Redis:  # noqa: ARG001  (one per process: a forked child must not share sockets)
    return _client(conf.current().JOURNAL_TIMEOUT_SECONDS)


@cache
def _hasty_of(pid: int) -> redis.Redis:  # noqa: ARG001  (the same)
    return _client(conf.current().PUBLISH_TIMEOUT_SECONDS)


def patient() -> redis.Redis:
    return _patient_of(os.getpid())


def hasty() -> redis.Redis:
    return _hasty_of(os.getpid())


def forget() -> None:
    """Drop every client: the address has changed."""
    _patient_of.cache_clear()
    _hasty_of.cache_clear()


def key(*parts: object) -> str:
    return ":".join([conf.current().KEY_PREFIX, *map(str, parts)])


def redis_ms(client: redis.Redis) -> int:
    """The Redis server's clock, the only one that events are stamped with."""
    seconds, micros = client.time()
    return int(seconds) * 1000 + int(micros) // 1000
