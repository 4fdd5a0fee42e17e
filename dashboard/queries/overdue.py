"""Schedules whose tick should have come and didn't: beat is away, or can't keep up."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from jobs import conf


@dataclass(frozen=True, slots=True)
class Overdue:
    name: str
    seconds: float


def find(*, now: datetime) -> list[Overdue]:
    """The longest first."""
    enabled = PeriodicTask.objects.filter(enabled=True, solar__isnull=True)
    started = enabled.filter(Q(start_time__isnull=True) | Q(start_time__lte=now))
    wanted = started.filter(Q(expires__isnull=True) | Q(expires__gt=now)).select_related(
        "interval", "crontab", "clocked"
    )
    found = [Overdue(task.name, late) for task in wanted[:200] if (late := _late(task, now=now))]
    return sorted(found, key=lambda one: -one.seconds)


def _late(task: PeriodicTask, *, now: datetime) -> float:
    """0: in time. One that never ran counts from when it was made or changed."""
    schedule: Any = task.schedule
    since = task.last_run_at or task.start_time or task.date_changed
    # By the schedule's own clock, which `now` was read from a moment ago.
    late = -schedule.remaining_estimate(since).total_seconds() - (timezone.now() - now).total_seconds()
    return float(late) if late > conf.current().OVERDUE_WARN_SECONDS else 0.0
