"""Whether a message may start without a look at SQL. An old one, or one from before a restart of Redis, may not:
its claim may be gone, and the job may long be over.
"""

import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connections as django_connections
from django.db.backends.base.base import BaseDatabaseWrapper

from jobs import conf
from jobs.broker import connections, line
from jobs.broker.message import Delivery
from jobs.domain.states import State
from jobs.lifecycle import cursors
from jobs.lifecycle.recording import database
from jobs.models import Job

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Watch:
    """What this process knows of the life of the Redis server, and its own line to SQL."""

    pid: int = 0
    generation: int = -1
    run_id: str = ""
    restarted_at: datetime = datetime.fromtimestamp(0, UTC)
    line: BaseDatabaseWrapper | None = None


_watch = _Watch()


def needs_a_look(delivery: Delivery, *, now: datetime) -> bool:
    return delivery.published_at < trusted_from(now=now)


def trusted_from(*, now: datetime) -> datetime:
    """A message published later than that needs no look. Raises `Unavailable` when Redis can't say since when it runs."""
    settings = conf.current()
    oldest = now - timedelta(seconds=settings.MESSAGE_TRUSTED_SECONDS)
    return max(oldest, _restarted_at(now=now) + timedelta(seconds=settings.CLOCK_SKEW_SECONDS))


class Says(StrEnum):
    """What SQL says of a message: may it start?"""

    DUE = "due"
    NOT_DUE = "not due: its job has moved on"
    NO_JOB = "no job has its id"
    NOTHING = "SQL can't say now"


def ask(delivery: Delivery) -> Says:
    try:
        row = _row(UUID(delivery.job_id))
    except (DatabaseError, ValueError) as error:
        logger.warning("SQL can't say whether job %s is due (%s): the keeper sends it again.", delivery.job_id, error)
        _hang_up()
        return Says.NOTHING
    if row is None:
        return Says.NO_JOB
    is_due = row[0] == State.QUEUED and row[1] + 1 == delivery.attempt
    return Says.DUE if is_due else Says.NOT_DUE


def payload_of(job_id: str) -> tuple[list[Any], dict[str, Any]] | None:
    """The arguments of a sensitive job, which never travel; None when SQL can't give them."""
    try:
        job = Job.objects.using(database()).only("args", "payload").get(id=job_id)
    except (DatabaseError, Job.DoesNotExist) as error:
        logger.warning("SQL can't give the payload of job %s (%s): the keeper sends it again.", job_id, error)
        return None
    return job.args, job.payload


def _restarted_at(*, now: datetime) -> datetime:
    """When Redis last started, as far as this process can tell; looked up on every new connection."""
    watch = _of_this_process()
    line.mine()  # what starts the attempt is connected before the server is asked since when it runs
    if watch.generation != connections.generation():
        info = connections.patient().info("server")
        started = now - timedelta(seconds=int(info["uptime_in_seconds"]) + 1)
        is_another = watch.run_id not in ("", info["run_id"])
        watch.restarted_at = now if is_another else max(watch.restarted_at, started)
        watch.run_id, watch.generation = str(info["run_id"]), connections.generation()
    return watch.restarted_at


def _row(job_id: UUID) -> tuple[str, int] | None:
    """State and attempt, read over a line of our own: Celery closes Django's around every task."""
    watch = _of_this_process()
    if watch.line is None:
        watch.line = django_connections.create_connection(database())
    job = Job._meta.get_field("id").get_db_prep_value(job_id, watch.line)
    with cursors.lasting(watch.line) as cursor:
        cursor.execute(f"SELECT state, attempt FROM {Job._meta.db_table} WHERE id = %s", [job])  # noqa: S608  (the table's own name)
        row: tuple[str, int] | None = cursor.fetchone()
    return row


def _hang_up() -> None:
    line, _of_this_process().line = _of_this_process().line, None
    if line is not None:
        line.close()


def _of_this_process() -> _Watch:
    global _watch  # noqa: PLW0603  (one per process is the point)
    if _watch.pid != os.getpid():
        _watch = _Watch(pid=os.getpid())
    return _watch
