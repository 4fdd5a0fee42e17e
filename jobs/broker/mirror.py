"""Copies in Redis of what SQL says and workers ask often: which queues are paused, which running jobs are to stop."""

import json
from collections.abc import Iterable
from typing import Any, cast

import redis

from jobs.broker import connections

ORDERS = "orders"
_CANCELLING_SECONDS = 60


def paused_key() -> str:
    return connections.key("paused")


def write_paused(client: redis.Redis, queues: Iterable[str]) -> None:
    client.set(paused_key(), json.dumps(sorted(queues)))


def read_paused(text: str | None) -> frozenset[str] | None:
    """None: there is no mirror, so nobody knows."""
    return None if text is None else frozenset(json.loads(text))


def order_stop(client: redis.Redis, *, job_id: object, attempt: int) -> None:
    """Tell whichever worker runs this attempt to stop it. The keeper says it again until it has happened."""
    with client.pipeline(transaction=False) as pipeline:
        pipeline.set(_cancelling_key(job_id), attempt, ex=_CANCELLING_SECONDS)
        pipeline.publish(connections.key(ORDERS), json.dumps([str(job_id), attempt]))
        pipeline.execute()


def is_to_stop(client: redis.Redis, *, job_id: object) -> bool:
    return bool(client.exists(_cancelling_key(job_id)))


def read_order(received: dict[str, Any]) -> tuple[str, int]:
    job_id, attempt = json.loads(cast("str", received["data"]))
    return job_id, int(attempt)


def _cancelling_key(job_id: object) -> str:
    return connections.key("cancelling", job_id)
