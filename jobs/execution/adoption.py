"""A message that no job of ours stands behind is taken over: journalled whole, so that the keeper can make it a job."""

import base64
import logging
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from kombu.exceptions import KombuError

from jobs import conf
from jobs.broker import connections, journal
from jobs.domain.errors import TallyError
from jobs.domain.journal import Adopted
from jobs.domain.states import Burial
from jobs.intake import calls, storable

logger = logging.getLogger(__name__)

# What taking a message apart may raise.
Unreadable = (KombuError, TallyError, ValueError, TypeError, LookupError, AttributeError, RecursionError)

RAW_MAX_BYTES = 65_536
_MAX_BYTES = 4_194_304
_PARTS = 3


def read(received: Any, body: Any = None) -> Adopted:
    """A kombu message as a job to be; `body` is what a protocol 1 message was decoded to. Raises one of `Unreadable`."""
    told, args, kwargs, follows = take_apart(received, body)
    return _adopted(told, args, kwargs, follows or {}, received.delivery_info or {})


def take_apart(received: Any, body: Any = None) -> tuple[Mapping[str, Any], Any, dict[str, Any], Any]:
    """Headers, arguments, keywords and what follows. Raises one of `Unreadable`."""
    content = received.payload if body is None else body
    if isinstance(content, dict):
        if not {"args", "kwargs"} <= content.keys():
            raise TypeError("its body has no arguments")
        told, args, kwargs, follows = {**received.headers, **content}, content["args"], content["kwargs"], content
    else:
        told, (args, kwargs, follows) = received.headers, _parts(content)
    if not isinstance(args, list | tuple) or not isinstance(kwargs, dict):
        raise TypeError("its arguments are no list and no object")
    return told, args, kwargs, follows


def of_request(request: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Adopted:
    """The same in the process that was to run it."""
    follows = {"callbacks": request.callbacks, "errbacks": request.errbacks, "chain": request.chain}
    return _adopted(vars(request), args, kwargs, follows, request.delivery_info or {})


def of_unreadable(raw: bytes | str, *, queue: object, problem: str) -> Adopted:
    """What nobody can decode: a dead job of the task `unknown`, its bytes kept."""
    data = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else bytes(raw)
    return Adopted(
        job_id=str(uuid4()),
        at_ms=0,
        queue=_queue(queue),
        task="unknown",
        payload={"problem": storable.mend_text(problem)[:2000], "bytes": len(data)},
        raw=base64.b64encode(data[:RAW_MAX_BYTES]).decode(),
        reason=Burial.UNDECODABLE,
    )


def journal_now(adopted: Adopted) -> None:
    """The message exists nowhere else, so this waits for Redis as long as it takes."""
    wait = 0.1
    while True:
        try:
            journal.report_adopted(connections.patient(), adopted)
        except connections.Unavailable as error:
            logger.warning("Redis is away (%s): an adopted message is held and tried again.", error)
            time.sleep(wait)
            wait = min(wait * 2, 2.0)
        else:
            return


def _parts(content: Any) -> Any:
    if not isinstance(content, list | tuple) or len(content) != _PARTS:
        raise TypeError("its body is not arguments, keywords and the rest")
    if not isinstance(content[2], dict | None):
        raise TypeError("what follows it is no object")
    return content


def _adopted(
    told: Mapping[str, Any], args: Any, kwargs: dict[str, Any], follows: Mapping[str, Any], info: Mapping[str, Any]
) -> Adopted:
    id_, task = told.get("id"), told.get("task")
    if not id_ or not isinstance(task, str):
        raise ValueError("it has no id or no task")
    job_id, root_id = str(calls.job_id_of(id_)), told.get("root_id")
    group_index = told.get("group_index")
    return Adopted(
        job_id=job_id,
        at_ms=0,
        queue=_queue(info.get("routing_key")),
        task=task,
        args=tuple(_plain(list(args))),
        payload=_plain(dict(kwargs)),
        expires_at=_text(told.get("expires")),
        eta=_text(told.get("eta")),
        follows=_plain(calls.follows_of(follows)),
        parent_id=_id(told.get("parent_id")),
        root_id=_id(root_id) if root_id and root_id != id_ else None,
        group_id=str(told.get("group") or told.get("taskset") or "")[:64],
        group_index=group_index if isinstance(group_index, int) and group_index >= 0 else None,
    )


def _queue(name: object) -> str:
    queues = conf.current().QUEUES
    return name if isinstance(name, str) and name in queues else ("default" if "default" in queues else queues[0])


def _plain(value: Any) -> Any:
    return storable.accept(storable.mend(value), what="an adopted message", max_bytes=_MAX_BYTES, max_depth=200)


def _id(text: object) -> str | None:
    return str(calls.job_id_of(text)) if text else None


def _text(moment: object) -> str | None:
    return str(moment) if moment else None
