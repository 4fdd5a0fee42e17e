"""The queues and the workers."""

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard import frame
from dashboard.access import PageRequest, page
from dashboard.queries import joblist, queues, series, summaries, windows, workers
from dashboard.views.overview import charts
from jobs import conf


@require_safe
@page()
def show_queues(request: PageRequest) -> HttpResponse:
    rows = queues.read(sample=frame.read_sample(), now=timezone.now())
    return frame.render(request, "queues", {"rows": rows}, section="queues")


@require_safe
@page()
def show_queue(request: PageRequest, name: str) -> HttpResponse:
    if not queues.is_known(name):
        raise Http404(f"There is no queue {name}.")
    now = timezone.now()
    window = windows.read(request.GET, now=now)
    shown = series.read(window, now=now, queue=name)
    context = {
        **charts(request, window, shown),
        "summaries": {"backlog": summaries.backlog(shown)},
        "row": queues.read(sample=frame.read_sample(), now=now, only=name)[0],
        "mix": queues.mix_of(name, now=now),
        "tasks": queues.tasks_of(name),
        "rows": joblist.latest(request.actor, now=now, queue=name),
    }
    return frame.render(request, "queue", context, section="queues")


@require_safe
@page()
def show_workers(request: PageRequest) -> HttpResponse:
    return frame.render(
        request, "workers", {"pool": workers.read_with_lost(), "release": conf.release()}, section="workers"
    )


@require_safe
@page()
def show_worker(request: PageRequest, name: str) -> HttpResponse:
    pool, attempts = workers.read_with_lost(), workers.recent_attempts(name)
    worker = next((one for one in pool.workers if one.beat.name == name), None)
    if worker is None and not attempts:
        raise Http404(f"No worker called {name} has been seen.")
    context = {
        "name": name,
        "worker": worker,
        "attempts": attempts,
        "outcomes": workers.outcomes_of(name),
        "lost": pool.lost.get(worker.beat.incarnation, []) if worker else [],
        "release": conf.release(),
    }
    return frame.render(request, "worker", context, section="workers")
