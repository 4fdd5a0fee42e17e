"""A pool's process at work: the attempt its parent gave it, and then the next ones, which it takes itself.

Most of what a short job costs is the way to it: the parent fetches a message, wakes the process, hears of the start and of
the end. For a second a process spares all of that: the call that ends an attempt brings the next message, its claim won, and
when there is none the process waits for it. It takes only what may start as it is (`take.lua`), of tasks that it has run
before and that have no time limit, which is the parent's to keep. What it runs stands on the board, where the parent looks.
"""

import base64
import json
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from billiard.common import terminate_handler_fired
from billiard.process import current_process
from celery import current_app
from celery.app.trace import fast_trace_task
from celery.signals import worker_process_init
from kombu.utils import json as kombu_json
from redis.exceptions import ResponseError

from jobs import conf
from jobs.broker import connections, line, message, taking
from jobs.broker.ear import Ear
from jobs.broker.taking import Found, Nothing, Taken, Wish
from jobs.execution import board, endings, identity, roster, trust

logger = logging.getLogger(__name__)

_WAIT_SECONDS = 0.25  # then it looks whether it still may: a queue was paused, the worker is told to stop
TAKEN = "tally_taken"  # in a request
_TASKS_MOST = 64

Trace = Callable[..., Any]


@dataclass(slots=True)
class _Turn:
    """Of this process: one at a time, since a pool's process has one thread."""

    cell: board.Cell | None = None  # None: not in a pool whose parent looks at the board
    databases: tuple[int, int] = (0, 0)
    is_refused: bool = False
    is_on: bool = False
    until: float = 0.0
    given: str = ""
    hostname: str = ""
    taken: Taken | None = None
    is_dry: bool = False  # when it last looked, nothing was there
    ear: Ear | None = None
    trusted_from: datetime | None = None
    tasks: dict[str, None] = field(default_factory=dict)
    queues: tuple[str, ...] = ()
    queues_turn: int = -1


_turn = _Turn()


def databases() -> tuple[int, int] | None:
    """Of queues and journal, when one script can look at both."""
    conf = current_app.conf
    return taking.databases(conf.broker_read_url or conf.broker_url)


@worker_process_init.connect
def _begin_life(**_kwargs: Any) -> None:
    """Celery has just made each task's tracer, which is what a pool's process calls."""
    index, found = getattr(current_process(), "index", board.PROCESSES), databases()
    if index >= board.PROCESSES or found is None:
        return
    _turn.cell, _turn.databases = board.slots[index], found
    for task in current_app.tasks.values():
        task.__trace__ = with_turns(task, task.__trace__)


def with_turns(task: Any, trace: Trace) -> Trace:
    """The tracer that goes on with what its process takes, once the attempt it was called for has ended."""

    def traced(uuid: str, args: Any, kwargs: Any, request: dict[str, Any]) -> Any:
        if _turn.cell is not None and not _turn.is_on:
            board.say_as_given(_turn.cell)  # the same attempt may have been given before, and not started then
        if _turn.cell is None or _turn.is_refused or _turn.is_on or _has_limit(task, request):
            return trace(uuid, args, kwargs, request)
        _begin(task, request)
        try:
            answer = trace(uuid, args, kwargs, request)
            while (taken := _turn.taken or _wait(_turn.cell)) is not None:
                _turn.taken = None
                _run(taken)
        finally:
            _turn.is_on = False
        # Only a turn that was not torn apart: else what it ran stays on the board, for the parent to speak of.
        board.say_idle(_turn.cell, _turn.given)
        return answer

    return traced


def _has_limit(task: Any, request: dict[str, Any]) -> bool:
    return bool(task.time_limit or task.soft_time_limit or any(request.get("timelimit") or ()))


def _begin(task: Any, request: dict[str, Any]) -> None:
    _turn.is_on, _turn.until = True, time.monotonic() + conf.current().TURN_SECONDS
    _turn.given, _turn.hostname = board.name_of(request["id"], request.get("attempt")), request.get("hostname") or ""
    _turn.taken = _turn.trusted_from = None
    _turn.is_dry = False
    if len(_turn.tasks) < _TASKS_MOST:
        _turn.tasks[task.name] = None


def wish() -> Wish | None:
    """What this process would have after the attempt that ends now; None when it goes back to its parent."""
    if not _turn.is_on or _turn.is_refused or time.monotonic() >= _turn.until or terminate_handler_fired():
        return None
    if _turn.queues_turn != board.queues.turn:
        _turn.queues_turn, _turn.queues = board.queues.turn, board.read_queues()
    if not _turn.queues:
        return None
    return Wish(
        queues=_turn.queues,
        databases=_turn.databases,
        tasks=tuple(_turn.tasks),
        by=identity.executor(_turn.hostname),
        token=secrets.token_hex(8),
        trusted_from=_trusted_from(),
    )


def _trusted_from() -> datetime:
    """Looked up once in a turn: one that Redis is away from takes nothing more."""
    if _turn.trusted_from is None:
        _turn.trusted_from = trust.trusted_from(now=datetime.now(UTC))
    return _turn.trusted_from


def stop() -> None:
    """Take nothing more in this turn."""
    _turn.until = 0.0


def take(found: Found) -> None:
    """It runs when the attempt that has just ended is left; from now on it is this process' to answer for."""
    _turn.is_dry = found is Nothing.THERE
    if isinstance(found, ResponseError):
        logger.warning("Redis hands no messages over (%s): this process leaves them to its parent.", found)
        _turn.is_refused = True
    if isinstance(found, Taken):
        _turn.taken = found
        if found.won_ms is not None:
            _say_runs(found, since_ms=found.won_ms)


def _wait(cell: board.Cell) -> Taken | None:
    """Nothing was there: what comes now, until the turn is over or something comes that is for the parent."""
    if not _turn.is_dry:
        return None
    board.say_idle(cell, _turn.given)
    try:
        while (wished := wish()) is not None and _heard_nothing(wished):
            pass
    except ResponseError as error:
        take(error)
    except connections.Unavailable as error:
        logger.debug("Redis is away (%s), as the heart has said: this process goes back to its parent.", error)
        stop()
    return _turn.taken


def _heard_nothing(wished: Wish) -> bool:
    ear, _turn.ear = _turn.ear, None
    if ear is None or ear.is_closed():
        ear = Ear(_turn.databases[0])
    popped = ear.pop(wished.queues, seconds=min(_WAIT_SECONDS, _turn.until - time.monotonic()))
    _turn.ear = ear
    if popped is not None:
        may_still = wish() or replace(wished, tasks=())
        take(taking.take(line.mine(), popped, wish=may_still))
    return _turn.is_dry


def taken_of(request: Any) -> Taken | None:
    """What this process took itself, when that is what the request is of."""
    found = getattr(request, TAKEN, None)
    return found if isinstance(found, Taken) else None


def say_undecided(request: Any) -> None:
    """Whether this attempt may start is being asked: a beat that named it would journal a start."""
    if _turn.cell is None:
        roster.hold(request.id)
    else:
        given = _turn.given if _turn.is_on else board.name_of(request.id, request.attempt)
        board.say_idle(_turn.cell, given)


def say_starts(request: Any) -> None:
    """It may."""
    taken = taken_of(request)
    if _turn.cell is None:
        roster.let_go(request.id)
    elif taken is None:
        board.say_as_given(_turn.cell)
    else:
        _say_runs(taken, since_ms=int(time.time() * 1000))


def _say_runs(taken: Taken, *, since_ms: int) -> None:
    if _turn.cell is not None:
        board.say_runs(_turn.cell, _turn.given, since_ms=since_ms, worker=_turn.hostname, sent=taken.text)


def _run(taken: Taken) -> None:
    sent = taken.message()
    headers, properties = sent["headers"], sent["properties"]
    try:
        content = _content_of(sent)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        _refuse(headers, problem=f"{type(error).__name__}: {error}")
        return
    request = {
        **headers,
        "properties": properties,
        "reply_to": properties.get("reply_to"),
        "correlation_id": properties.get("correlation_id"),
        "hostname": _turn.hostname,
        "delivery_info": {"exchange": "", "routing_key": taken.queue, "priority": 0, "redelivered": False},
        TAKEN: taken,
    }
    fast_trace_task(headers["task"], headers["id"], request, content, None, None)


def _content_of(sent: dict[str, Any]) -> list[Any]:
    body = sent["body"]
    if sent["properties"].get("body_encoding") == "base64":
        body = base64.b64decode(body).decode()
    content: list[Any] = kombu_json.loads(body) if "__type__" in body else json.loads(body)
    args, kwargs, embed = content
    if not isinstance(args, list) or not isinstance(kwargs, dict) or not isinstance(embed, dict | None):
        raise TypeError("its arguments are no list and no object")
    return content


def _refuse(headers: dict[str, Any], *, problem: str) -> None:
    """As its parent would have buried it."""
    delivery = message.read(headers)
    if delivery is None:
        return
    logger.error("A message can't be read (%s); it becomes a dead job.", problem)
    endings.close_unreadable(delivery, problem, worker=_turn.hostname)(connections.patient())
