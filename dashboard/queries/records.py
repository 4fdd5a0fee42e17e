"""The audit trail and the schedules."""

from dataclasses import dataclass
from datetime import timedelta

from django_celery_beat.models import PeriodicTask

from jobs.api import queries
from jobs.api.deadlines import list_deadline
from jobs.api.pagination import Cursor
from jobs.control.trail import Wanted
from jobs.domain.actors import Actor
from jobs.models import Action, ids

PAGE_SIZE = 50
_SKEW = timedelta(minutes=1)  # a row's id is made a little before its time is read


@dataclass(frozen=True, slots=True)
class ActionPage:
    actions: list[Action]
    older: str = ""


def audit(wanted: Wanted, *, actor: Actor, cursor: str = "") -> ActionPage:
    """Newest first."""
    meant = {"actor": wanted.actor, "verb": wanted.verb, "object": wanted.object}
    actions = queries.actions(actor).filter(**{name: value for name, value in meant.items() if value})
    if wanted.since is not None:
        actions = actions.filter(id__gte=ids.lowest_at(wanted.since - _SKEW), at__gte=wanted.since)
    if wanted.until is not None:
        actions = actions.filter(id__lt=ids.lowest_at(wanted.until + _SKEW), at__lt=wanted.until)
    if cursor:
        actions = actions.filter(id__lt=Cursor.read(cursor).key)
    with list_deadline():
        found = list(actions.order_by("-id")[: PAGE_SIZE + 1])
    older = str(Cursor(str(found[PAGE_SIZE - 1].id))) if len(found) > PAGE_SIZE else ""
    return ActionPage(found[:PAGE_SIZE], older)


def schedules() -> list[PeriodicTask]:
    related = ("interval", "crontab", "solar", "clocked")
    return list(PeriodicTask.objects.select_related(*related).order_by("name")[:200])
