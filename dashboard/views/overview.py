"""The first screen, and the columns of the charts for whoever redraws them."""

from dataclasses import asdict

from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard import frame
from dashboard.access import PageRequest, page
from dashboard.queries import overview, series


@require_safe
@page()
def show_overview(request: PageRequest) -> HttpResponse:
    sample, now = frame.read_sample(), timezone.now()
    range_name = _range(request)
    shown = overview.read(actor=request.actor, sample=sample, range_name=range_name, now=now)
    context = {"overview": shown, "range": range_name, "ranges": list(series.RANGES), "columns": asdict(shown.series)}
    return frame.render(request, "overview", context, section="overview")


@require_safe
@page()
def show_series(request: PageRequest) -> HttpResponse:
    found = series.read(_range(request), now=timezone.now(), queue=request.GET.get("queue", "")[:64])
    return JsonResponse(asdict(found))


def _range(request: PageRequest) -> str:
    given = request.GET.get("range", "15m")
    return given if given in series.RANGES else "15m"
