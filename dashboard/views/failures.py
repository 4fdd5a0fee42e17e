"""Triage: the groups of dead letters, one group, and what people decide about it."""

from collections.abc import Iterable
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
from dashboard.queries import failures, letters, progress
from dlq import counting, operations, queries, triage
from dlq.counting import By
from dlq.filters import LetterFilter
from dlq.models import Resolution
from dlq.models.operation import Verb
from dlq.operations import Plan
from dlq.triage import GroupUnknown
from jobs import conf

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
    given, now = request.GET, timezone.now()
    window = _one_of(given.get("window", ""), counting.WINDOWS, "24h")
    status = _one_of(given.get("status", ""), STATUSES, "undecided")
    by = By(_one_of(given.get("group", ""), list(By), By.FINGERPRINT))
    among = next(((By(name), given[name]) for name in (By.TASK, By.QUEUE, By.EXCEPTION) if given.get(name)), None)
    context: dict[str, Any] = {
        "by": by,
        "among": among,
        "window": window,
        "windows": list(counting.WINDOWS),
        "sinces": failures.sinces(now=now),
        "status": status,
        "statuses": STATUSES,
    }
    if by is By.FINGERPRINT:
        context["rows"] = failures.listed(window=window, status=status, among=among, now=now)
    else:
        context["bundles"] = queries.bundles(by, window=window, now=now)
    return frame.render(request, "failures", context, section="failures")


@require_safe
@page()
def show_letters(request: PageRequest) -> HttpResponse:
    wanted = letters.read(request.GET.dict())
    context = {
        "wanted": wanted,
        "group": letters.group_of(wanted),
        "page": letters.page(wanted, cursor=request.GET.get("cursor", "")),
        "resolutions": Resolution.values,
    }
    return frame.render(request, "letters", context, section="failures")


@require_safe
@page()
def show_group(request: PageRequest, fingerprint: str) -> HttpResponse:
    found = failures.read(fingerprint, actor=request.actor, now=timezone.now())
    if found is None:
        raise Http404(f"There is no group of failures {fingerprint}.")
    context = {
        "found": found,
        "group": found.row.group,
        "mutes": MUTES,
        "sinces": failures.sinces(now=timezone.now()),
        "rate": conf.current().OPERATION_RATE_PER_SECOND,
        "rate_max": conf.current().OPERATION_RATE_MAX_PER_SECOND,
        "needs_typing": forms.needs_typing("requeue", found.row.group.open),
        "stop": conf.current().OPERATION_STOP_ABOVE_PERCENT,
    }
    return frame.render(request, "group", context, section="failures")


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
                until = timezone.now() + MUTES.get(given.get("for", ""), MUTES["24h"])
                deaths = forms.whole("deaths", given.get("deaths", "")) or None
                triage.mute(fingerprint, until=until, deaths=deaths, **options)
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
    group = operations.preview(plan, actor=request.actor)
    forms.check_typed(plan.verb, group.matched, given.get("typed", ""))
    operations.start(plan, actor=request.actor)
    return redirect(f"{reverse('dashboard:group', args=[fingerprint])}#operations")


@require_safe
@page()
def show_operations(request: PageRequest) -> HttpResponse:
    return frame.render(request, "operations", {"operations": failures.operations()}, section="operations")


@require_safe
@page()
def show_operation(request: PageRequest, operation_id: UUID) -> HttpResponse:
    found = progress.find(operation_id)
    if found is None:
        raise Http404(f"There is no operation {operation_id}.")
    context = {"found": found, "operation": found.operation, "troubles": progress.troubles(found.operation)}
    return frame.render(request, "operation", context, section="operations")


@require_POST
@page()
def cancel_operation(request: PageRequest, operation_id: UUID) -> HttpResponse:
    operations.cancel(operation_id, actor=request.actor, reason=request.POST.get("reason", "").strip())
    messages.success(request, "Cancelled: what was done stays done, nothing more happens.")
    return go_back(request, reverse("dashboard:operation", args=[operation_id]))


def _one_of(given: str, known: Iterable[str], default: str) -> str:
    return given if given in known else default


def _verb(text: str) -> Verb:
    try:
        return Verb(text)
    except ValueError:
        raise Http404(f"Nothing is called {text!r} here.") from None
