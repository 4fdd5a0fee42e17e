"""Ends an attempt and takes the next message with its claim, in one exchange with Redis: two scripts, one after the other."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from kombu.utils.url import url_to_parts
from redis.exceptions import ResponseError

from jobs import conf
from jobs.broker import claims, connections, scripts
from jobs.broker.line import Line
from jobs.domain.journal import Executor

LONGEST = 16_384  # bytes of a message; a longer one goes its usual way


@dataclass(frozen=True, slots=True)
class Wish:
    """What a process would take next: of these tasks, from these queues, in this order."""

    queues: tuple[str, ...]
    databases: tuple[int, int]  # of the queues, of the journal
    tasks: tuple[str, ...]
    by: Executor
    token: str
    trusted_from: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """A message as it lay in its queue, the claim already won; not won yet when the message is old."""

    text: str
    queue: str
    won_ms: int | None
    token: str

    def message(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found


@cache
def databases(broker_url: str) -> tuple[int, int] | None:
    """Of the queues and of the journal, when one server has both: only then can one script look at both."""
    queues, journal = url_to_parts(broker_url), url_to_parts(conf.current().JOURNAL_URL)
    if queues[0] not in ("redis", "rediss") or queues[:5] != journal[:5]:
        return None
    return _number(queues[5]), _number(journal[5])


def finish(line: Line, *, wish: Wish, **ended: Any) -> tuple[bool, Taken | ResponseError | None]:
    """`claims.finish` of this attempt, and what was taken after it; an error when Redis refuses that alone."""
    key = claims.claim_key(ended["job_id"], ended["attempt"])
    calls = [("finish", *claims.finish_call(**ended)), ("take", *_take_call(key, ended["token"], wish))]
    said, found = scripts.call_all(line, calls)
    if isinstance(said, ResponseError):
        raise said
    if found is None or isinstance(found, ResponseError):
        return said == "recorded", found
    queue, text, *won_ms = found
    return said == "recorded", Taken(text, queue, won_ms=int(won_ms[0]) if won_ms else None, token=wish.token)


def _take_call(ended_key: str, ended_token: str, wish: Wish) -> tuple[list[str], list[Any]]:
    keys = [ended_key, claims.journal_key(), *wish.queues]
    return keys, [
        ended_token,
        *wish.databases,
        connections.key("claim", ""),
        claims.executor_text(wish.by, wish.token),
        claims.started_body(wish.by, None),  # when it was queued, its end will tell
        wish.trusted_from.isoformat(timespec="microseconds"),
        LONGEST,
        *wish.tasks,
    ]


def _number(path: str | None) -> int:
    return int((path or "").strip("/") or 0)
