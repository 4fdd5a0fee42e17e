"""Is all well: the workers, the keeper, the broker and the database, each with what is wrong in a sentence.

Down means that nothing submitted now will run for the time being; degraded, that some of it may wait.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import DatabaseError
from django.db import connections as databases
from django.utils import timezone

from jobs import conf
from jobs.api import statistics
from jobs.broker import connections
from jobs.broker.heartbeats import Beat
from jobs.control.queues import paused_names
from jobs.domain.actors import Actor
from jobs.keeper import sampler
from jobs.lifecycle.recording import database

_KEEPER_SILENT_AFTER = timedelta(seconds=5)


class Status(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Found:
    status: Status
    workers: list[Beat]
    keeper: dict[str, Any]
    broker: dict[str, Any]
    database: dict[str, Any]


def look(actor: Actor, *, now: datetime | None = None) -> Found:
    actor.require("jobs.view_job")
    workers = statistics.live_workers()
    keeper = _look_at_keeper(now or timezone.now())
    broker = _part(workers is not None, "Redis can't be reached: jobs are accepted, none is started.")
    sql = _part(_database_answers(), "The database can't be reached: nothing is accepted.")
    is_down = not workers or sql["status"] != "ok"
    is_degraded = not is_down and (keeper["status"] != "ok" or bool(_unserved(workers or [])))
    status = Status.DOWN if is_down else Status.DEGRADED if is_degraded else Status.OK
    return Found(status, workers or [], keeper=keeper, broker=broker, database=sql)


def _look_at_keeper(now: datetime) -> dict[str, Any]:
    """By the sample that the leading keeper takes every second."""
    try:
        sample = sampler.read_sample(connections.hasty())
    except connections.Unavailable:
        return {"status": "unknown", "last_sample_at": None, "detail": "Redis can't be asked."}
    at = datetime.fromisoformat(sample["at"]) if sample else None
    if at is None or now - at > _KEEPER_SILENT_AFTER:
        detail = "No keeper leads: jobs run, but are not recorded, and retries wait. Start `manage.py keeper`."
        return {"status": "silent", "last_sample_at": at.isoformat() if at else None, "detail": detail}
    return {"status": "ok", "last_sample_at": at.isoformat()}


def _unserved(workers: list[Beat]) -> set[str]:
    """Queues that nobody takes jobs from, and that nobody paused."""
    served = {name for beat in workers for name in beat.queues}
    return set(conf.current().QUEUES) - served - paused_names()


def _database_answers() -> bool:
    try:
        with databases[database()].cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _part(is_well: bool, detail: str) -> dict[str, Any]:
    return {"status": "ok"} if is_well else {"status": "away", "detail": detail}
