"""The claim of one attempt, one key: who runs it, or that it is over. Winning it is the only way to start.

A claim has no expiry until the keeper has recorded its attempt's outcome.
"""

import json
from dataclasses import dataclass
from typing import Any

import redis

from jobs import conf
from jobs.broker import connections, scripts
from jobs.broker.line import Line
from jobs.domain.journal import Executor
from jobs.domain.states import Event

RUNNING, OVER = "run", "over"

_encode = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps would make one for every call


@dataclass(frozen=True, slots=True)
class Holder:
    """What a taken claim says."""

    state: str
    since_ms: int
    by: Executor
    ended: str = ""


def claim_key(job_id: object, attempt: int) -> str:
    return connections.key("claim", job_id, attempt)


def journal_key() -> str:
    return connections.key("journal")


def counters_key() -> str:
    return connections.key("counters")


def executor_text(by: Executor, token: str) -> str:
    return f"{by.incarnation} {token} {by.beat} {by.pid} {by.worker}"


def parse(held: str) -> Holder:
    state, since, incarnation, _token, *rest = held.split(" ", 6)
    if state == RUNNING:
        beat, pid, worker = rest
        return Holder(state, int(since), Executor(worker=worker, incarnation=incarnation, pid=int(pid), beat=int(beat)))
    return Holder(state, int(since), Executor(incarnation="" if incarnation == "-" else incarnation), ended=rest[0])


@dataclass(frozen=True, slots=True)
class Start:
    """The answer to a start: the Redis time at which it was won, or who was faster."""

    won_ms: int | None
    holder: Holder | None = None


def start(
    client: redis.Redis | Line, *, job_id: str, attempt: int, by: Executor, token: str, queued_ms: int | None
) -> Start:
    won, text = scripts.call(
        client,
        "start",
        keys=[claim_key(job_id, attempt), journal_key(), counters_key()],
        args=[executor_text(by, token), token, job_id, attempt, started_body(by, queued_ms)],
    )
    return Start(won_ms=int(text)) if won else Start(won_ms=None, holder=parse(text))


def finish(
    client: redis.Redis | Line,
    *,
    job_id: str,
    attempt: int,
    incarnation: str,
    outcome: str,
    body: str,
    token: str = "-",  # noqa: S107  (the mark of somebody finishing on behalf of another, not a secret)
    note_late: bool = False,
) -> bool:
    """Close the attempt with this outcome; False when somebody had closed it before."""
    keys, args = finish_call(
        job_id=job_id,
        attempt=attempt,
        incarnation=incarnation,
        outcome=outcome,
        body=body,
        token=token,
        note_late=note_late,
    )
    return bool(scripts.call(client, "finish", keys=keys, args=args) == "recorded")


def finish_call(
    *, job_id: str, attempt: int, incarnation: str, outcome: str, body: str, token: str, note_late: bool
) -> tuple[list[str], list[Any]]:
    """The keys and arguments of the script."""
    keys = [claim_key(job_id, attempt), journal_key()]
    return keys, [incarnation, token, job_id, attempt, outcome, body, int(note_late)]


def count_duplicate(client: redis.Redis) -> None:
    """A message was dropped whose job has moved on; a start that finds its claim taken counts itself."""
    client.hincrby(counters_key(), "duplicates_suppressed", 1)


def withdraw(client: redis.Redis, *, job_id: object, attempt: int, event: Event) -> Holder | None:
    """Win the attempt's claim so that it never starts; the holder when somebody has it already."""
    held = scripts.call(
        client, "withdraw", keys=[claim_key(job_id, attempt), journal_key()], args=[str(job_id), attempt, event.value]
    )
    return parse(held) if held else None


def renew(
    pipeline: Any,
    client: redis.Redis,
    *,
    job_id: str,
    attempt: int,
    by: Executor,
    started_ms: int,
    queued_ms: int | None,
) -> None:
    scripts.queue(
        pipeline,
        client,
        "renew",
        keys=[claim_key(job_id, attempt), journal_key()],
        args=[executor_text(by, "-"), job_id, attempt, started_body(by, queued_ms), started_ms],
    )


def look(client: redis.Redis, claims: list[tuple[object, int]]) -> list[Holder | None]:
    if not claims:
        return []
    values = client.mget([claim_key(job_id, attempt) for job_id, attempt in claims])
    return [parse(str(value)) if value else None for value in values]


def expire(pipeline: Any, claims: list[tuple[object, int]]) -> None:
    for job_id, attempt in claims:
        pipeline.expire(claim_key(job_id, attempt), conf.current().CLAIM_KEPT_SECONDS)


def started_body(by: Executor, queued_ms: int | None) -> str:
    return _encode([by.worker, by.incarnation, by.pid, by.beat, queued_ms])
