"""The audit trail, schedules, and what this installation is made of."""

import json
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from dashboard import frame
from dashboard.access import PageRequest, page
from dashboard.queries import records
from jobs.models import Action


@require_safe
@page(needs="jobs.view_action")
def show_audit(request: PageRequest) -> HttpResponse:
    given = _filter(request)
    if request.GET.get("format") == "jsonl":
        return _export(records.audit(actor=request.actor, limit=records.EXPORT_MAX, **given).actions)
    found = records.audit(actor=request.actor, cursor=request.GET.get("cursor", ""), **given)
    job = request.GET.get("job", "")
    carried = {"actor": given["by"], "action": given["verb"], "object": "" if job else given["obj"], "job": job}
    return frame.render(request, "audit", {"page": found, "given": carried}, section="audit")


@require_safe
@page()
def show_schedules(request: PageRequest) -> HttpResponse:
    return frame.render(request, "schedules", {"schedules": records.schedules()}, section="schedules")


@require_safe
@page()
def show_about(request: PageRequest) -> HttpResponse:
    context = {"installation": records.installation(), "permissions": frame.PERMISSIONS}
    return frame.render(request, "about", context, section="about")


def _filter(request: PageRequest) -> dict[str, Any]:
    given = request.GET
    job = given.get("job", "")
    if job and not _is_id(job):
        raise Http404(f"{job} is no job's id.")
    return {
        "by": given.get("actor", "")[:150],
        "verb": given.get("action", "")[:32],
        "obj": f"job:{UUID(job)}" if job else given.get("object", "")[:100],
    }


def _is_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _export(actions: list[Action]) -> HttpResponse:
    text = "".join(json.dumps(_written(action), ensure_ascii=False) + "\n" for action in actions)
    disposition = {"Content-Disposition": 'attachment; filename="audit.jsonl"'}
    return HttpResponse(text, content_type="application/jsonl", headers=disposition)


def _written(action: Action) -> dict[str, Any]:
    names = ("actor", "verb", "object", "reason", "before", "after", "request_id")
    return {"id": str(action.id), "at": action.at.isoformat(), **{name: getattr(action, name) for name in names}}
