"""Lists of jobs: one page by key, the attempts that belong to it, and the capped counts of the states."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import F
from rest_framework.exceptions import NotFound

from jobs.api import queries
from jobs.api.deadlines import TooSlow, list_deadline
from jobs.api.pagination import Cursor
from jobs.api.search import Asking, Search
from jobs.domain.actors import Actor
from jobs.domain.states import FINAL, State
from jobs.lifecycle.recording import database
from jobs.models import Attempt, Job

PAGE_SIZE = 50
COUNT_CAP = 10_000
_COUNTED_SECONDS = 0.03


@dataclass(frozen=True, slots=True)
class Row:
    """A job as a list shows it, with its latest attempt."""

    job: Job
    attempt: Attempt | None
    max_attempts: int | None
    now: datetime

    @property
    def wait_seconds(self) -> float | None:
        if self.job.state == State.QUEUED and self.job.queued_at:
            return max(0.0, (self.now - self.job.queued_at).total_seconds())
        return self.attempt.wait_seconds if self.attempt else None

    @property
    def run_seconds(self) -> float | None:
        if self.job.state == State.RUNNING and self.job.started_at:
            return max(0.0, (self.now - self.job.started_at).total_seconds())
        return self.attempt.run_seconds if self.attempt else None

    @property
    def error_line(self) -> str:
        if self.job.state == State.SUCCEEDED or not self.job.error_type:
            return ""
        first = self.job.error.strip().split("\n", 1)[0]
        return f"{self.job.error_type.rsplit('.', 1)[-1]}: {first}"[:200]


@dataclass(frozen=True, slots=True)
class JobPage:
    rows: list[Row]
    older: str = ""
    newer: str = ""


def page(search: Search, *, asking: Asking, cursor: str = "", oldest_first: bool = False) -> JobPage:
    """One more than a page is read, to know whether there are others."""
    jobs = queries.jobs(asking.actor).filter(search.where)
    at = Cursor.read(cursor) if cursor else None
    is_back = at is not None and at.is_back
    descending = oldest_first == is_back
    if at is not None:
        key = _key(at)
        jobs = jobs.filter(id__lt=key) if descending else jobs.filter(id__gt=key)
    with list_deadline():
        found = list(jobs.order_by("-id" if descending else "id")[: PAGE_SIZE + 1])
        has_more, found = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
        if is_back:
            found.reverse()
        rows = rows_of(found, now=asking.now)
    has_next, has_previous = (True, has_more) if is_back else (has_more, at is not None)
    return JobPage(
        rows,
        older=str(Cursor(str(found[-1].id))) if found and has_next else "",
        newer=str(Cursor(str(found[0].id), is_back=True)) if found and has_previous else "",
    )


def rows_of(jobs: Sequence[Job], *, now: datetime) -> list[Row]:
    latest = Attempt.objects.filter(job_id__in=[job.id for job in jobs], number=F("job__attempt"))
    by_job = {attempt.job_id: attempt for attempt in latest.defer("traceback", "log", "error", "causes")}
    return [Row(job, by_job.get(job.id), queries.max_attempts(job), now) for job in jobs]


def latest(actor: Actor, *, now: datetime, limit: int = 12, **columns: object) -> list[Row]:
    return rows_of(list(queries.jobs(actor).filter(**columns).order_by("-id")[:limit]), now=now)


def count_states() -> dict[str, int]:
    """All states in one statement, each up to the cap by the index of states."""
    connection = connections[database()]
    parts, parameters = [], list[Any]()
    for state in State:
        counted = Job.objects.using(database()).filter(state=state).order_by().values("state")[: COUNT_CAP + 1]
        text, values = counted.query.sql_with_params()
        parts.append(f"(SELECT COUNT(*) FROM ({text}) AS counted)")  # noqa: S608  (the ORM's own text)
        parameters.extend(values)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", parameters)
        return dict(zip(map(str, State), cursor.fetchone(), strict=True))


def count_matching(search: Search, *, asking: Asking) -> int | None:
    """Up to the cap, and only as long as that is quick: None says that nobody has counted."""
    try:
        with list_deadline(seconds=_COUNTED_SECONDS):
            meant = queries.jobs(asking.actor).filter(search.where).order_by().values("id")
            return int(meant[: COUNT_CAP + 1].count())
    except TooSlow:
        return None


def is_over(job: Job) -> bool:
    return job.state in FINAL


def _key(cursor: Cursor) -> UUID:
    try:
        return UUID(cursor.key)
    except ValueError:
        raise NotFound("This cursor is not one of ours.") from None
