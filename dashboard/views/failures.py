"""Triage: the groups of dead letters, one group, and what people decide about it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from dashboard import forms, frame
from dashboard.access import PageRequest, go_back, page
from dashboard.queries import failures
from dlq import counting, operations, triage
from dlq.filters import LetterFilter
from dlq.models import Resolution
from dlq.models.operation import Verb
from dlq.operations import Plan
from dlq.triage import GroupUnknown

MUTES = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}
_SAID = {
    "acknowledge": "Acknowledged: it is yours to look into.",
    "resolve": "Resolved: if it comes back, the group is marked as regressed.",
    "reopen": "Reopened.",
    "mute": "Muted.",
    "assign": "Assigned.",
    "note": "Noted.",
}
STATUSES = ("undecided", "all", "new", "acknowledged", "muted", "resolved", "regressed")


@require_safe
@page()
def show_failures(request: PageRequest) -> HttpResponse:
    window = request.GET.get("window", "24h")
    window = window if window in counting.WINDOWS else "24h"
    status = request.GET.get("status", "undecided")
    status = status if status in STATUSES else "undecided"
    context = {
        "rows": failures.listed(window=window, status=status, now=timezone.now()),
        "window": window,
        "windows": list(counting.WINDOWS),
        "status": status,
        "statuses": STATUSES,
    }
    return frame.render(request, "failures", context, section="failures")


@require_safe
@page()
def show_group(request: PageRequest, fingerprint: str) -> HttpResponse:
    found = failures.read(fingerprint, actor=request.actor, now=timezone.now())
    if found is None:
        raise Http404(f"There is no group of failures {fingerprint}.")
    return frame.render(
        request, "group", {"found": found, "group": found.row.group, "mutes": MUTES}, section="failures"
    )


@require_POST
@page(needs="dlq.triage_group")
def triage_group(request: PageRequest, fingerprint: str) -> HttpResponse:
    verb, actor, given = request.POST.get("verb", ""), request.actor, request.POST
    options: dict[str, Any] = {"actor": actor, "reason": given.get("reason", "").strip()}
    try:
        match verb:
            case "acknowledge" | "resolve" | "reopen":
                getattr(triage, verb)(fingerprint, **options)
            case "mute":
                triage.mute(
                    fingerprint, until=timezone.now() + MUTES.get(given.get("for", ""), MUTES["24h"]), **options
                )
            case "assign":
                triage.assign(fingerprint, actor=actor, assignee=given.get("assignee", "").strip())
            case "note":
                triage.write_note(fingerprint, actor=actor, text=given.get("text", ""))
            case _:
                raise Http404(f"Nothing is called {verb!r} here.")
    except GroupUnknown as error:
        raise Http404(str(error)) from None
    messages.success(request, _SAID[verb])
    return go_back(request, reverse("dashboard:group", args=[fingerprint]))


@require_POST
@page()
def start_operation(request: PageRequest, fingerprint: str) -> HttpResponse:
    """Requeue or discard every open letter of the group, as an operation that can be watched and cancelled."""
    given = request.POST
    plan = Plan(
        verb=_verb(given.get("verb", "")),
        wanted=LetterFilter(fingerprint=fingerprint, resolution=Resolution.OPEN),
        reason=given.get("reason", "").strip(),
        canary=forms.whole("canary", given.get("canary", "")),
        rate_per_second=forms.number("rate", given.get("rate", "")),
        stop_above_percent=forms.number("stop", given.get("stop", "")),
    )
    operation = operations.start(plan, actor=request.actor)
    return redirect("dashboard:operation", operation.id)


@require_safe
@page()
def show_operations(request: PageRequest) -> HttpResponse:
    return frame.render(request, "operations", {"operations": failures.operations()}, section="operations")


@require_safe
@page()
def show_operation(request: PageRequest, operation_id: UUID) -> HttpResponse:
    found = failures.operation(operation_id)
    if found is None:
        raise Http404(f"There is no operation {operation_id}.")
    return frame.render(request, "operation", {"found": found, "operation": found.operation}, section="operations")


@require_POST
@page()
def cancel_operation(request: PageRequest, operation_id: UUID) -> HttpResponse:
    operations.cancel(operation_id, actor=request.actor, reason=request.POST.get("reason", "").strip())
    messages.success(request, "Cancelled: what was done stays done, nothing more happens.")
    return go_back(request, reverse("dashboard:operation", args=[operation_id]))


def _verb(text: str) -> Verb:
    try:
        return Verb(text)
    except ValueError:
        raise Http404(f"Nothing is called {text!r} here.") from None
