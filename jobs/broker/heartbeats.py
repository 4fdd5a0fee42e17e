"""What each worker says of itself every beat: that it lives, and which attempts it runs."""

import json
from dataclasses import asdict, dataclass
from typing import Any, cast

import redis

from jobs.broker import connections


@dataclass(frozen=True, slots=True)
class Beat:
    incarnation: str
    counter: int
    at_ms: int
    name: str
    host: str
    pid: int
    queues: tuple[str, ...]
    concurrency: int
    version: str
    started_ms: int
    rss_bytes: int
    running: tuple[tuple[str, int, str], ...]  # (job id, attempt, task)

    @property
    def claims(self) -> frozenset[tuple[str, int]]:
        return frozenset((job_id, attempt) for job_id, attempt, _task in self.running)


def _key() -> str:
    return connections.key("beats")


def write(pipeline: Any, beat: Beat) -> None:
    pipeline.hset(_key(), beat.incarnation, json.dumps(asdict(beat), separators=(",", ":")))


def remove(client: redis.Redis, incarnation: str) -> None:
    client.hdel(_key(), incarnation)


def all_of(client: redis.Redis) -> dict[str, Beat]:
    found = cast("dict[str, str]", client.hgetall(_key()))
    return {incarnation: _read(text) for incarnation, text in found.items()}


def live(client: redis.Redis, *, within_seconds: float) -> list[Beat]:
    """The workers whose last beat is recent by the clock of Redis, which stamped it."""
    now_ms = connections.redis_ms(client)
    beats = all_of(client).values()
    return sorted((b for b in beats if now_ms - b.at_ms <= within_seconds * 1000), key=lambda beat: beat.name)


def _read(text: str) -> Beat:
    given = json.loads(text)
    given["queues"] = tuple(given["queues"])
    given["running"] = tuple((job_id, attempt, task) for job_id, attempt, task in given["running"])
    return Beat(**given)
