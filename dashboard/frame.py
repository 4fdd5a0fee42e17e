"""What every page shares: the navigation with its counts, what is paused, how fresh the numbers are, the preferences."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as render_template
from django.utils import timezone

from jobs import conf
from jobs.broker import connections
from jobs.domain.actors import Actor
from jobs.keeper import sampler
from jobs.models import Queue

NOBODY = Actor("", permissions=frozenset())
PREFERENCES = {
    "theme": ("auto", "light", "dark"),
    "density": ("comfortable", "compact"),
    "keys": ("on", "off"),
    "zone": ("utc", "local"),
    "interval": ("2", "5", "15", "60"),
}
PERMISSIONS = {
    "payload": "jobs.view_payload",
    "action": "jobs.view_action",
    "submit": "jobs.submit_job",
    "cancel": "jobs.cancel_job",
    "pause": "jobs.pause_queue",
    "purge": "jobs.purge_queue",
    "requeue": "dlq.requeue_deadletter",
    "discard": "dlq.discard_deadletter",
    "triage": "dlq.triage_group",
}


def render(
    request: HttpRequest, template: str, context: dict[str, Any], *, section: str = "", status: int = 200
) -> HttpResponse:
    shown = {**_everywhere(request, section), **context}
    return render_template(request, f"dashboard/{template}.html", shown, status=status)


def forbidden(request: HttpRequest, *, permission: str) -> HttpResponse:
    return render(request, "forbidden", {"permission": permission}, status=403)


def missing(request: HttpRequest, *, message: str) -> HttpResponse:
    return render(request, "missing", {"message": message}, status=404)


def trouble(request: HttpRequest, *, status: int, title: str, message: str) -> HttpResponse:
    return render(request, "trouble", {"title": title, "message": message}, status=status)


def database_away(request: HttpRequest) -> HttpResponse:
    message = "The database can't be reached now. Jobs go on running; this page comes back with it."
    return trouble(request, status=503, title="The database is away", message=message)


def preference(request: HttpRequest, name: str) -> str:
    """From its cookie, so that the first byte of the page has it already."""
    given = request.COOKIES.get(f"tally_{name}", "")
    return given if given in PREFERENCES[name] else PREFERENCES[name][0]


def read_sample() -> dict[str, Any] | None:
    """The keeper's last sample; None when Redis is away or the keeper has been silent for half a minute."""
    try:
        return sampler.read_sample(connections.hasty())
    except connections.Unavailable:
        return None


def _everywhere(request: HttpRequest, section: str) -> dict[str, Any]:
    actor: Actor = getattr(request, "actor", NOBODY)
    now = timezone.now()
    sample = read_sample() if actor is not NOBODY else None
    return {
        "actor": actor,
        "role": _role(actor),
        "may": {name: actor.may(permission) for name, permission in PERMISSIONS.items()},
        "section": section,
        "now": now,
        "sample": sample,
        "sample_at": datetime.fromisoformat(sample["at"]) if sample else None,
        "sample_age": _age(sample, now=now),
        "is_stale": sample is None or _age(sample, now=now) > conf.current().SAMPLE_STALE_SECONDS,
        "paused_queues": _paused() if actor is not NOBODY else [],
        "environment": getattr(getattr(settings, "ENV", None), "environment_name", ""),
        "version": conf.release(),
        "preferences": {name: preference(request, name) for name in PREFERENCES},
        "request_id": getattr(request, "request_id", ""),
    }


def _paused() -> list[Queue]:
    try:
        return list(Queue.objects.filter(paused_at__isnull=False).order_by("name"))
    except (OperationalError, InterfaceError):
        return []


def _age(sample: dict[str, Any] | None, *, now: datetime) -> float:
    return max(0.0, (now - datetime.fromisoformat(sample["at"])).total_seconds()) if sample else 0.0


def _role(actor: Actor) -> str:
    """The strongest of the three roles whose rights this one has."""
    if actor.may("jobs.purge_queue"):
        return "Admin"
    return "Operator" if actor.may("jobs.cancel_job") else "Viewer"
