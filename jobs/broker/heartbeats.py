"""What each worker says of itself every beat: that it lives, and which attempts it runs."""

import json
from dataclasses import asdict, dataclass, fields
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
    host_ms: int | None = None  # the worker's own clock at this beat; None: an older worker, which doesn't say
    is_quiet: bool = False  # told to take nothing new

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


_FIELDS = frozenset(field.name for field in fields(Beat))


def _read(text: str) -> Beat:
    """In a rolling deploy beats of newer workers say more, and those of older ones less."""
    given = {name: value for name, value in json.loads(text).items() if name in _FIELDS}
    given["queues"] = tuple(given["queues"])
    given["running"] = tuple((job_id, attempt, task) for job_id, attempt, task in given["running"])
    return Beat(**given)
