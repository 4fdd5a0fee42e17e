"""Takes the next message together with its claim: in the exchange that ends an attempt, or when a message was waited for.

What was waited for has left its queue: the script puts it back and takes it like any other, and nobody comes in between.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import cache
from typing import Any

from kombu.utils.url import url_to_parts
from redis.exceptions import ResponseError

from jobs import conf
from jobs.broker import claims, connections, scripts
from jobs.broker.ear import Popped
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


class Nothing(Enum):
    """Was taken, for nothing is there, or what is there is not for me but for my parent."""

    THERE = auto()
    FOR_ME = auto()


Found = Taken | Nothing | ResponseError  # the last when Redis refuses it


@cache
def databases(broker_url: str) -> tuple[int, int] | None:
    """Of the queues and of the journal, when one server has both: only then can one script look at both."""
    queues, journal = url_to_parts(broker_url), url_to_parts(conf.current().JOURNAL_URL)
    if queues[0] not in ("redis", "rediss") or queues[:5] != journal[:5]:
        return None
    return _number(queues[5]), _number(journal[5])


def finish(line: Line, *, wish: Wish, **ended: Any) -> tuple[bool, Found]:
    """`claims.finish` of this attempt, and what was taken after it."""
    key = claims.claim_key(ended["job_id"], ended["attempt"])
    take = _take_call(wish, ended=(key, ended["token"]), popped=("", ""))
    said, answer = scripts.call_all(line, [("finish", *claims.finish_call(**ended)), ("take", *take)])
    if isinstance(said, ResponseError):
        raise said
    return said == "recorded", _found(answer, wish)


def take(line: Line, popped: Popped, *, wish: Wish) -> Found:
    """What was popped, or what has become more urgent. What is not for this process is in its place again."""
    call = _take_call(wish, ended=(connections.key("claim", ""), ""), popped=(popped.queue, popped.item))
    [answer] = scripts.call_all(line, [("take", *call)])
    return _found(answer, wish)


def _take_call(
    wish: Wish, *, ended: tuple[str, str], popped: tuple[str | bytes, str | bytes]
) -> tuple[list[str], list[Any]]:
    claim, token = ended
    return [claim, claims.journal_key(), *wish.queues], [
        token,
        *wish.databases,
        connections.key("claim", ""),
        claims.executor_text(wish.by, wish.token),
        claims.started_body(wish.by, None),  # when it was queued, its end will tell
        wish.trusted_from.isoformat(timespec="microseconds"),
        LONGEST,
        *popped,
        *wish.tasks,
    ]


def _found(answer: Any, wish: Wish) -> Found:
    if isinstance(answer, ResponseError):
        return answer
    if answer is None:
        return Nothing.FOR_ME
    if not answer:
        return Nothing.THERE
    queue, text, *won_ms = answer
    return Taken(text, queue, won_ms=int(won_ms[0]) if won_ms else None, token=wish.token)


def _number(path: str | None) -> int:
    return int((path or "").strip("/") or 0)
