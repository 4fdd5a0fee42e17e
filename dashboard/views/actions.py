"""What the buttons post to: each calls one verb with the actor of the request, and says on the page what came of it."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard import bookmarks, frame
from dashboard.access import PageRequest, go_back, page
from dlq import discard, requeue
from jobs.control import cancelling, queues, workers
from jobs.control.cancelling import Cancelling

PREFERENCE_SECONDS = 365 * 86_400


@require_POST
@page(needs="jobs.cancel_job")
def cancel_job(request: PageRequest, job_id: UUID) -> HttpResponse:
    answer = cancelling.cancel(job_id, actor=request.actor, reason=_reason(request))
    is_over = answer.status is Cancelling.REVOKED
    messages.success(request, "Cancelled: it will not run." if is_over else "Being cancelled: its worker stops it.")
    return go_back(request, reverse("dashboard:job", args=[job_id]))


@require_POST
@page(needs="dlq.requeue_deadletter")
def requeue_letter(request: PageRequest, letter_id: UUID) -> HttpResponse:
    letter = requeue.requeue(letter_id, actor=request.actor, reason=_reason(request))
    messages.success(request, "Requeued with its full budget.")
    return go_back(request, reverse("dashboard:job", args=[letter.job_id]))


@require_POST
@page(needs="dlq.discard_deadletter")
def discard_letter(request: PageRequest, letter_id: UUID) -> HttpResponse:
    letter = discard.discard(letter_id, actor=request.actor, reason=_reason(request))
    messages.success(request, "Discarded: it stays dead, and retention may take it.")
    return go_back(request, reverse("dashboard:job", args=[letter.job_id]))


@require_POST
@page(needs="jobs.pause_queue")
def pause_queue(request: PageRequest, name: str) -> HttpResponse:
    queues.pause(name, actor=request.actor, reason=_reason(request))
    messages.success(request, f"Paused {name}: what runs goes on, nothing new starts.")
    return go_back(request, reverse("dashboard:queue", args=[name]))


@require_POST
@page(needs="jobs.pause_queue")
def resume_queue(request: PageRequest, name: str) -> HttpResponse:
    queues.resume(name, actor=request.actor, reason=_reason(request))
    messages.success(request, f"Resumed {name}.")
    return go_back(request, reverse("dashboard:queue", args=[name]))


@require_POST
@page(needs="jobs.purge_queue")
def purge_queue(request: PageRequest, name: str) -> HttpResponse:
    if request.POST.get("typed") != name:
        messages.error(request, f"Nothing was purged: type the queue's name, {name}, to confirm.")
    else:
        count = queues.purge(name, actor=request.actor, reason=_reason(request))
        messages.success(
            request, f"Purged {name}: {count} waiting {'job was' if count == 1 else 'jobs were'} cancelled."
        )
    return go_back(request, reverse("dashboard:queue", args=[name]))


@require_POST
@page(needs=workers.NEEDED)
def quiet_worker(request: PageRequest, name: str) -> HttpResponse:
    workers.hush(name, actor=request.actor, reason=_reason(request))
    messages.success(request, f"Told {name} to be quiet: what runs goes on, nothing new starts there.")
    return go_back(request, reverse("dashboard:worker", args=[name]))


@require_POST
@page(needs=workers.NEEDED)
def wake_worker(request: PageRequest, name: str) -> HttpResponse:
    workers.wake(name, actor=request.actor, reason=_reason(request))
    messages.success(request, f"Told {name} to take jobs again.")
    return go_back(request, reverse("dashboard:worker", args=[name]))


@require_POST
@page(needs=workers.NEEDED)
def stop_worker(request: PageRequest, name: str) -> HttpResponse:
    workers.shut_down(name, actor=request.actor, reason=_reason(request))
    messages.success(request, f"Told {name} to stop: it finishes what it runs and exits.")
    return go_back(request, reverse("dashboard:worker", args=[name]))


@require_POST
@page()
def prefer(request: PageRequest) -> HttpResponse:
    response = go_back(request, reverse("dashboard:overview"))
    for name, values in frame.PREFERENCES.items():
        value = request.POST.get(name)
        if value is not None and value not in values:
            raise Http404(f"{name} is one of {', '.join(values)}.")
        if value is not None:
            response.set_cookie(f"tally_{name}", value, max_age=PREFERENCE_SECONDS, samesite="Lax")
    return response


@require_POST
@page()
def choose_columns(request: PageRequest) -> HttpResponse:
    response = go_back(request, reverse("dashboard:jobs"))
    bookmarks.hide_columns(response, shown=request.POST.getlist("columns"))
    return response


@require_POST
@page()
def keep_search(request: PageRequest) -> HttpResponse:
    """Under a name, for whoever asks, in this browser; or forget it."""
    response = go_back(request, reverse("dashboard:jobs"))
    name = request.POST.get("name", "").strip()
    if "forget" in request.POST:
        bookmarks.forget(request, response, name=request.POST["forget"])
    else:
        bookmarks.keep(request, response, name=name, query=request.POST.get("query", ""))
        messages.success(request, f"Kept as “{name}”, in this browser.")
    return response


def _reason(request: PageRequest) -> str:
    return request.POST.get("reason", "").strip()
