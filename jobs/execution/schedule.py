"""django-celery-beat's scheduler, with one job per schedule and slot: two beats, or a beat that crashed, send once."""

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from celery.result import AsyncResult
from django.db import DatabaseError
from django.db import connections as django_connections
from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from jobs.domain.actors import BEAT
from jobs.domain.states import Source
from jobs.intake import calls, registry, submission
from jobs.lifecycle.recording import database

logger = logging.getLogger(__name__)

_REST_SECONDS = 1.0


class SlotScheduler(DatabaseScheduler):
    def apply_async(
        self, entry: ModelEntry, producer: Any = None, advance: bool = True, **_options: Any
    ) -> AsyncResult[Any]:
        """Submit the entry's job for its slot. With SQL away this waits: a tick that was due is not skipped."""
        slot = slot_of(entry, now=timezone.now())
        entry = self.reserve(entry) if advance else entry
        while True:
            try:
                return self._submit(entry, slot)
            except DatabaseError as error:
                logger.warning("SQL is away (%s): %s waits to be submitted.", error, entry.name)
                django_connections[database()].close()
                time.sleep(_REST_SECONDS)
            finally:
                self._tasks_since_sync += 1

    def _submit(self, entry: ModelEntry, slot: str) -> AsyncResult[Any]:
        draft = calls.draft_of_call(
            entry.task, entry.args, entry.kwargs, entry.options, parent=None, now=timezone.now()
        )
        is_known = (
            registry.find(entry.task) is not None
        )  # if not, it waits for a worker that knows it, and is buried in the end
        draft = replace(draft, idempotency_key=slot, trusted=not is_known)
        job = submission.submit(draft, actor=BEAT, source=Source.BEAT)
        if job.replayed:
            logger.info("%s was submitted for this slot before, as job %s.", entry.name, job.id)
        result: AsyncResult[Any] = self.app.AsyncResult(str(job.id))
        return result


def slot_of(entry: ModelEntry, *, now: datetime) -> str:
    """Names the run that is due: the schedule, and which of its periods, or which minute of its crontab."""
    last_run_at = entry.last_run_at or now
    last_run_at = last_run_at if last_run_at.tzinfo else last_run_at.replace(tzinfo=UTC)
    schedule: Any = entry.schedule
    due = now + schedule.remaining_estimate(last_run_at)
    every = getattr(schedule, "run_every", None)
    period = every.total_seconds() if every is not None else 60.0
    return f"schedule {entry.model.pk} slot {int(due.timestamp() // max(period, 0.001))}"
