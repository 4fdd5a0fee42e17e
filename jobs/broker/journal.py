"""The journal: a Redis stream that workers append to and keepers share through one consumer group.

An entry leaves the stream only after the transaction that applied it has been committed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis

from jobs.broker import claims, connections, entries
from jobs.domain.journal import Adopted, Entry, Executor, Progressed
from jobs.domain.states import Event

GROUP = "keepers"


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the stream: its id, its raw fields, and what they say (None: unreadable, `problem` says why)."""

    id: str
    fields: dict[str, str]
    entry: Entry | None
    problem: str = ""


def quarantine_key() -> str:
    return connections.key("quarantine")


def open_group(client: redis.Redis) -> None:
    """Make the group from the first entry on, whenever it is missing: a flushed Redis has none."""
    try:
        client.xgroup_create(claims.journal_key(), GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def read(client: redis.Redis, *, reader: str, count: int, block_ms: int | None) -> list[Line]:
    """New entries for this reader; waits up to `block_ms` for the first."""
    try:
        answer = client.xreadgroup(GROUP, reader, {claims.journal_key(): ">"}, count=count, block=block_ms)
    except redis.ResponseError as error:
        if "NOGROUP" not in str(error):
            raise
        open_group(client)
        return []
    return [_line(id_, fields) for _stream, found in _streams(answer) for id_, fields in found]


def read_again(client: redis.Redis, *, reader: str, count: int) -> list[Line]:
    """What this reader was given and has not settled: it failed in between."""
    try:
        answer = client.xreadgroup(GROUP, reader, {claims.journal_key(): "0"}, count=count)
    except redis.ResponseError as error:
        if "NOGROUP" not in str(error):
            raise
        return []
    return [_line(id_, fields) for _stream, found in _streams(answer) for id_, fields in found if fields]


def take_over(client: redis.Redis, *, reader: str, idle_ms: int, count: int) -> list[Line]:
    """Entries that some reader, perhaps this one, was given and has not settled for that long."""
    try:
        answer: Any = client.xautoclaim(
            claims.journal_key(), GROUP, reader, min_idle_time=idle_ms, start_id="0-0", count=count
        )
    except redis.ResponseError as error:
        if "NOGROUP" not in str(error):
            raise
        open_group(client)
        return []
    return [_line(id_, fields) for id_, fields in answer[1] if fields]


def settle(client: redis.Redis, *, ids: Sequence[str], closed: list[tuple[object, int]]) -> None:
    """Everything in these entries is committed: drop them, and let the claims of closed attempts run out."""
    if not ids:
        return
    with client.pipeline(transaction=True) as pipeline:
        pipeline.xack(claims.journal_key(), GROUP, *ids)
        pipeline.xdel(claims.journal_key(), *ids)
        claims.expire(pipeline, closed)
        pipeline.execute()


def quarantine(client: redis.Redis, line: Line, *, problem: str) -> None:
    """Keep an entry that could not be applied where `manage.py doctor` shows it."""
    fields: dict[Any, Any] = {**line.fields, "problem": problem[:2000], "entry": line.id}
    client.xadd(quarantine_key(), fields, maxlen=10_000)


def lag_seconds(client: redis.Redis) -> float:
    """The age of the oldest entry that is not settled, by the clock of Redis."""
    stamps = []
    try:
        groups = client.xinfo_groups(claims.journal_key())
        group = next((g for g in groups if g["name"] == GROUP), None)
        after = f"({group['last-delivered-id']}" if group else "-"
        undelivered: Any = client.xrange(claims.journal_key(), min=after, count=1)
        stamps += [_stamp_ms(id_) for id_, _fields in undelivered]
        if group:
            pending = client.xpending(claims.journal_key(), GROUP)
            stamps += [_stamp_ms(pending["min"])] if pending["min"] else []
    except redis.ResponseError as error:
        if "no such key" not in str(error):
            raise
    if not stamps:
        return 0.0
    return max(0.0, (connections.redis_ms(client) - min(stamps)) / 1000)


def report_started(
    client: redis.Redis, *, job_id: str, attempt: int, at_ms: int, by: Executor, queued_ms: int | None = None
) -> None:
    _append(client, "started", job_id, attempt, at_ms, claims.started_body(by, queued_ms))


def report_withdrawn(client: redis.Redis, *, job_id: str, attempt: int, at_ms: int, event: Event) -> None:
    _append(client, "withdrawn", job_id, attempt, at_ms, event.value)


def report_progress(client: redis.Redis, progress: Progressed) -> None:
    body = entries.dumps([progress.percent, progress.message])
    _append(client, "progressed", progress.job_id, progress.attempt, progress.at_ms, body)


def report_adopted(client: redis.Redis, adopted: Adopted) -> None:
    body = entries.adopted_body(adopted)
    _append(client, "adopted", adopted.job_id, 0, connections.redis_ms(client), body)


def _append(client: redis.Redis, kind: str, job_id: str, attempt: int, at_ms: int, body: str) -> None:
    client.xadd(claims.journal_key(), {"k": kind, "j": job_id, "n": attempt, "t": at_ms, "b": body})


def _line(id_: str, fields: dict[str, str]) -> Line:
    try:
        UUID(fields["j"])
        return Line(id_, fields, entries.read(fields))
    except (ValueError, KeyError, TypeError) as error:
        return Line(id_, fields, None, problem=f"unreadable entry: {type(error).__name__}: {error}")


def _stamp_ms(entry_id: str) -> int:
    return int(entry_id.split("-", maxsplit=1)[0])


def _streams(answer: Any) -> Any:
    """redis-py answers a dict under RESP3 and a list of pairs under RESP2."""
    return answer.items() if isinstance(answer, dict) else (answer or [])
