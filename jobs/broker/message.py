"""The message of one attempt: a standard Celery protocol-2 task message with our headers, which any stock tool can read."""

import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from celery import Celery
from celery.utils.nodenames import anon_nodename
from kombu.utils.json import JSONEncoder
from kombu.utils.uuid import uuid

from jobs.domain.retry import Budget
from jobs.models import Job

VERSION = 1
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
    """The message as it lies in its queue: what kombu writes for the same one, in a quarter of the time."""
    message = build(app, job)
    return _encode(
        {
            "body": b64encode(_encode(message.body).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": message.headers,
            "properties": {
                **message.properties,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": job.queue},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": uuid(),
            },
        }
    )


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
