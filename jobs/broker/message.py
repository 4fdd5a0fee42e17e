"""The message of one attempt: a standard Celery protocol-2 task message with our headers, which any stock tool can read."""

import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from celery import Celery
from celery.utils.nodenames import anon_nodename
from kombu.utils.json import JSONEncoder
from kombu.utils.uuid import uuid

from jobs.domain.retry import Budget
from jobs.models import Job

VERSION = 1
_FOLLOWED_BY_NOTHING = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_encode = JSONEncoder(separators=(",", ":")).encode  # one for all: kombu and json make one for every message
HIDDEN = "…"  # what stands for arguments in everything that logs or shows a message


@dataclass(frozen=True, slots=True)
class Delivery:
    """Our headers, as a worker reads them."""

    job_id: str
    attempt: int
    budget: Budget
    max_retries: int | None
    published_at: datetime
    queued_at: datetime | None
    expires_at: datetime | None
    sealed: bool
    correlation_id: str = ""
    traceparent: str = ""


def build(app: Celery, job: Job) -> Any:
    """Celery's task message for the job's next attempt."""
    sealed = job.sensitive
    limits = job.options.get("time_limit"), job.options.get("soft_time_limit")
    message = app.amqp.as_task_v2(
        str(job.id),
        job.task,
        () if sealed else job.args,
        {} if sealed else job.payload,
        retries=job.failures,
        root_id=str(job.root_id) if job.root_id else None,
        parent_id=str(job.parent_id) if job.parent_id else None,
        group_id=job.group_id or None,
        group_index=job.group_index,
        time_limit=limits[0],
        soft_time_limit=limits[1],
        ignore_result=True,
        argsrepr=HIDDEN,
        kwargsrepr=HIDDEN,
        origin=_origin(os.getpid()),
    )
    message.headers.update(job.options.get("headers") or {})
    message.headers.update(
        v=VERSION,
        attempt=job.next_attempt,
        failures=job.failures,
        losses=job.losses,
        unknowns=job.unknowns,
        max_retries=job.max_retries,
        published_at=_text(job.published_at),
        queued_at=_text(job.queued_at),
        expires_at=_text(job.expires_at),
        sealed=sealed,
    )
    if job.correlation_id:
        message.headers["correlation"] = job.correlation_id
    return message


@cache
def _origin(pid: int) -> str:  # noqa: ARG001  (another process, another name)
    """Celery asks for the host's name for every message."""
    return anon_nodename()


def text(app: Celery, job: Job) -> str:
    """The message as it lies in its queue: what kombu writes for the same one, in a third of the time."""
    if not _is_everyday(job):
        return _write(build(app, job), queue=job.queue, tag=uuid())
    published_at = _text(job.published_at)
    own = {
        "body": _body((() if job.sensitive else job.args, {} if job.sensitive else job.payload, _FOLLOWED_BY_NOTHING)),
        "id": str(job.id),
        "published_at": published_at,
        "queued_at": published_at if job.queued_at is job.published_at else _text(job.queued_at),
        "tag": uuid(),
    }
    return _form(app, job.task, job.queue, job.sensitive, job.max_retries, os.getpid()) % own


def _is_everyday(job: Job) -> bool:
    """The first message of a job with nothing special about it."""
    special = (
        job.attempt
        or job.failures
        or job.losses
        or job.unknowns
        or job.options
        or job.correlation_id
        or job.expires_at
        or job.root_id
        or job.parent_id
        or job.group_id
    )
    return not special and job.group_index is None and job.published_at is not None and job.queued_at is not None


@lru_cache(maxsize=1024)
def _form(app: Celery, task: str, queue: str, sealed: bool, max_retries: int | None, _pid: int) -> str:
    """An everyday message with a `%(name)s` for each thing that differs between two of the same task."""
    blank = Job(task=task, queue=queue, sensitive=sealed, max_retries=max_retries)
    blank.published_at, blank.queued_at = datetime(1, 1, 1, tzinfo=UTC), datetime(2, 2, 2, tzinfo=UTC)
    message, tag = build(app, blank), uuid()
    marks = {
        _body(message.body): "body",
        str(blank.id): "id",
        blank.published_at.isoformat(): "published_at",
        blank.queued_at.isoformat(): "queued_at",
        tag: "tag",
    }
    form = _write(message, queue=queue, tag=tag).replace("%", "%%")
    for mark, name in marks.items():
        form = form.replace(mark, f"%({name})s")
    return form


def _write(message: Any, *, queue: str, tag: str) -> str:
    return _encode(
        {
            "body": _body(message.body),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": message.headers,
            "properties": {
                **message.properties,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": tag,
            },
        }
    )


def _body(body: Any) -> str:
    return b64encode(_encode(body).encode()).decode()


def read(headers: Mapping[str, Any]) -> Delivery | None:
    """Our headers; None for a message that a stock Celery producer made."""
    if not headers.get("v") or not headers.get("attempt"):
        return None
    published_at = stamp(headers.get("published_at"))
    return Delivery(
        job_id=str(headers["id"]),
        attempt=int(headers["attempt"]),
        budget=Budget(
            failures=headers.get("failures") or 0,
            losses=headers.get("losses") or 0,
            unknowns=headers.get("unknowns") or 0,
        ),
        max_retries=headers.get("max_retries"),
        published_at=published_at or datetime.fromtimestamp(0, UTC),
        queued_at=stamp(headers.get("queued_at")),
        expires_at=stamp(headers.get("expires_at")),
        sealed=bool(headers.get("sealed")),
        correlation_id=str(headers.get("correlation") or ""),
        traceparent=str(headers.get("traceparent") or ""),
    )


def stamp(text: object) -> datetime | None:
    """A time from a header; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
