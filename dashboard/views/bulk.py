"""One verb over many jobs: the question that says what it would touch, and the deed; and lists of jobs as files."""

from typing import cast, get_args

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from dashboard import acting, exporting, forms, frame, selection
from dashboard.access import PageRequest, go_back, page
from dashboard.acting import Asked, Kind, Summary
from dashboard.exporting import Format
from dashboard.forms import FormInvalid
from dashboard.selection import Selection
from jobs import conf
from jobs.api import queries, search
from jobs.api.search import Asking

_EXPORT = "export-"


@require_POST
@page()
def act_on_jobs(request: PageRequest) -> HttpResponseBase:
    verb = request.POST.get("verb", "")
    asking = Asking(timezone.now(), request.actor)
    if verb.startswith(_EXPORT):
        return _export_chosen(request, _format(verb.removeprefix(_EXPORT)), asking=asking)
    kind = acting.kind_of(verb)
    chosen = selection.read(request.POST, states=kind.states, asking=asking)
    if not chosen.jobs:
        said = f"Nothing that matches can be {kind.participle}." if chosen.is_all else "Tick at least one job first."
        messages.warning(request, said)
        return _back(request)
    return _act(request, kind, chosen)


@require_safe
@page()
def export_jobs(request: PageRequest) -> HttpResponseBase:
    """All that match a search."""
    found = search.parse(request.GET.get("search", ""), asking=Asking(timezone.now(), request.actor))
    jobs = queries.jobs(request.actor).filter(found.where)
    return exporting.download(jobs, form=_format(request.GET.get("as", "")), actor=request.actor, request=request)


def _act(request: PageRequest, kind: Kind, chosen: Selection) -> HttpResponse:
    seen = acting.look(kind, chosen, actor=request.actor)
    problem = ""
    if "confirmed" in request.POST:
        try:
            done = acting.act(seen, _asked(request), actor=request.actor)
        except FormInvalid as error:
            problem = error.message
        else:
            if isinstance(done, Summary):
                (messages.warning if done.skipped else messages.success)(request, str(done))
                return _back(request)
            return redirect("dashboard:operation", done.id)
    settings = conf.current()
    context = {
        "seen": seen,
        "kind": kind,
        "chosen": chosen,
        "problem": problem,
        "given": request.POST,
        "back": _back(request).url,
        "rate": settings.OPERATION_RATE_PER_SECOND,
        "rate_max": settings.OPERATION_RATE_MAX_PER_SECOND,
        "stop": settings.OPERATION_STOP_ABOVE_PERCENT,
        "most": selection.MOST,
    }
    return frame.render(request, "confirm", context, section="jobs", status=400 if problem else 200)


def _asked(request: PageRequest) -> Asked:
    given = request.POST
    return Asked(
        reason=given.get("reason", "").strip(),
        typed=given.get("typed", ""),
        canary=forms.whole("canary", given.get("canary", "")),
        rate_per_second=forms.number("rate", given.get("rate", "")),
        stop_above_percent=forms.number("stop", given.get("stop", "")),
    )


def _export_chosen(request: PageRequest, form: Format, *, asking: Asking) -> HttpResponseBase:
    jobs = queries.jobs(request.actor)
    if request.POST.get("all") == "1":
        meant = jobs.filter(search.parse(request.POST.get("search", ""), asking=asking).where)
    else:
        chosen = selection.read(request.POST, states=frozenset(), asking=asking)
        if not chosen.jobs:
            messages.warning(request, "Tick at least one job first.")
            return _back(request)
        meant = jobs.filter(id__in=[job.id for job in chosen.jobs])
    return exporting.download(meant, form=form, actor=request.actor, request=request)


def _format(text: str) -> Format:
    if text not in get_args(Format):
        raise Http404(f"Jobs are exported as {' or '.join(get_args(Format))}.")
    return cast("Format", text)


def _back(request: PageRequest) -> HttpResponseRedirect:
    return go_back(request, reverse("dashboard:jobs"))
