"""The first screen, and the columns of the charts for whoever redraws them."""

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard import frame
from dashboard.access import PageRequest, page
from dashboard.queries import overview, series, windows
from dashboard.queries.series import Series
from dashboard.queries.windows import Window


@require_safe
@page()
def show_overview(request: PageRequest) -> HttpResponse:
    sample, now = frame.read_sample(), timezone.now()
    window = windows.read(request.GET, now=now)
    shown = overview.read(actor=request.actor, sample=sample, window=window, now=now)
    context = {"overview": shown, "summaries": shown.summaries, **charts(request, window, shown.series)}
    return frame.render(request, "overview", context, section="overview")


@require_safe
@page()
def show_series(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    found = series.read(windows.read(request.GET, now=now), now=now, queue=request.GET.get("queue", "")[:64])
    return JsonResponse(asdict(found))


def charts(request: PageRequest, window: Window, shown: Series) -> dict[str, Any]:
    """What every page with charts tells its template."""
    return {
        "window": window,
        "ranges": list(windows.RANGES),
        "axis": "log" if request.GET.get("axis") == "log" else "linear",
        "columns": asdict(shown),
    }
