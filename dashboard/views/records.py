"""The audit trail, schedules, and what this installation is made of."""

from datetime import UTC, datetime
from uuid import UUID

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from dashboard import exporting, frame
from dashboard.access import PageRequest, page
from dashboard.forms import FormInvalid
from dashboard.queries import installation, records
from jobs.control import trail
from jobs.control.trail import Wanted


@require_safe
@page(needs="jobs.view_action")
def show_audit(request: PageRequest) -> HttpResponseBase:
    wanted = _wanted(request)
    if request.GET.get("format") == "jsonl":
        lines = (f"{line}\n" for line in trail.lines(wanted))
        return exporting.stream(lines, name="audit.jsonl", kind="application/jsonl", request=request)
    found = records.audit(wanted, actor=request.actor, cursor=request.GET.get("cursor", ""))
    names = ("actor", "action", "object", "job", "since", "until")
    given = {name: request.GET.get(name, "") for name in names}
    return frame.render(request, "audit", {"page": found, "given": given}, section="audit")


@require_safe
@page()
def show_schedules(request: PageRequest) -> HttpResponse:
    return frame.render(request, "schedules", {"schedules": records.schedules()}, section="schedules")


@require_safe
@page()
def show_about(request: PageRequest) -> HttpResponse:
    context = {"installation": installation.read(), "permissions": frame.PERMISSIONS}
    return frame.render(request, "about", context, section="about")


def _wanted(request: PageRequest) -> Wanted:
    given = request.GET
    job = given.get("job", "")
    if job and not _is_id(job):
        raise Http404(f"{job} is no job's id.")
    return Wanted(
        since=_moment("since", given.get("since", "")),
        until=_moment("until", given.get("until", "")),
        actor=given.get("actor", "")[:150],
        verb=given.get("action", "")[:32],
        object=f"job:{UUID(job)}" if job else given.get("object", "")[:100],
    )


def _moment(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise FormInvalid(name, "Give a date and time in UTC, as in 2026-11-20T14:00.")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False
