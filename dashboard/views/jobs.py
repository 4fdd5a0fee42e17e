"""Lists of jobs, one job, and the way to it from any id."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard import bookmarks, frame
from dashboard.access import PageRequest, page
from dashboard.queries import detail, joblist
from jobs.api import search
from jobs.api.queries import jobs as jobs_for
from jobs.api.search import Asking, Search, SearchInvalid
from jobs.domain.states import State
from jobs.models import Action

SHORTCUTS = ("state", "queue", "task")
SINCE = ("15m", "1h", "24h", "7d")


@require_safe
@page()
def show_jobs(request: PageRequest) -> HttpResponse:
    return _show_list(request, section="jobs", title="Jobs")


@require_safe
@page()
def show_dead(request: PageRequest) -> HttpResponse:
    return _show_list(request, section="dead", title="Dead letters", always="state:dead")


@require_safe
@page()
def show_job(request: PageRequest, job_id: UUID) -> HttpResponse:
    now = timezone.now()
    if not jobs_for(request.actor).filter(id=job_id).exists():
        return _missing_job(request, job_id)
    zoomed = request.GET.get("attempt", "")
    found = detail.read(
        job_id,
        actor=request.actor,
        sample=frame.read_sample(),
        now=now,
        zoomed=int(zoomed) if zoomed.isascii() and zoomed.isdecimal() and len(zoomed) < 9 else None,
    )
    return frame.render(request, "job", {"detail": found, "job": found.job}, section="jobs")


@require_safe
@page()
def find_job(request: PageRequest, start: str) -> HttpResponse:
    """From an id or its beginning; from several matches the list."""
    ids = search.ids_from(start)
    if ids is None:
        raise Http404(f"{start} is no beginning of a job's id.")
    found = list(jobs_for(request.actor).filter(id__range=ids).values_list("id", flat=True)[:2])
    if not found:
        raise Http404(f"No job's id begins with {start}.")
    return redirect("dashboard:job", found[0]) if len(found) == 1 else _to_list(f"id:{start}")


@require_safe
@page()
def search_jobs(request: PageRequest) -> HttpResponse:
    """The search box of every page: an id leads to its job, everything else to the list."""
    text = request.GET.get("q", "").strip()
    is_id = len(text) >= 32 and search.ids_from(text) is not None
    return redirect("dashboard:find", text) if is_id else _to_list(text)


def _to_list(text: str) -> HttpResponse:
    response = redirect("dashboard:jobs")
    response["Location"] += f"?{_query(q=text)}"
    return response


def _show_list(request: PageRequest, *, section: str, title: str, always: str = "") -> HttpResponse:
    now, given = timezone.now(), request.GET
    asking = Asking(now, request.actor)
    text, oldest_first = _taken_sort(given.get("q", ""), given.get("sort", ""))
    shown, problem, status = Search(), "", 200
    meant = " ".join(filter(None, [always, *_from_boxes(given), text]))
    try:
        shown = search.parse(meant, asking=asking)
        found = joblist.page(shown, asking=asking, cursor=given.get("cursor", ""), oldest_first=oldest_first)
    except SearchInvalid as error:
        found, problem, status = joblist.JobPage([]), str(error), 400
    context: dict[str, Any] = {
        "title": title,
        "page": found,
        "q": text,
        "problem": problem,
        "search": meant,
        "matching": joblist.count_matching(shown, asking=asking) if not problem else 0,
        "hidden": bookmarks.hidden_columns(request),
        "columns": bookmarks.COLUMNS,
        "bookmarks": bookmarks.kept(request),
        "states": shown.states,
        "counts": joblist.count_states(),
        "oldest_first": oldest_first,
        "fields": search.fields(),
        "since": given.get("since", ""),
        "sinces": SINCE,
        "always": always,
        "is_first_page": not given.get("cursor"),
        "tabs": _tabs(given, text) if not always else [],
        "decisions": _decisions(text) if always else [],
        "carried": _query(q=text, since=given.get("since", ""), sort="oldest" if oldest_first else ""),
    }
    return frame.render(request, "jobs", context, section=section, status=status)


def _tabs(given: Any, text: str) -> list[tuple[str, str]]:
    """Each state with the query that shows the same list in that state."""
    rest = " ".join(word for word in text.split() if not word.startswith("state:"))
    since = given.get("since", "")
    every = [("", _query(q=rest, since=since))]
    return every + [(str(state), _query(q=f"state:{state} {rest}".strip(), since=since)) for state in State]


def _decisions(text: str) -> list[tuple[str, str, bool]]:
    """Of the dead: what was decided, the query that shows it, whether it is shown now."""
    words = text.split()
    rest = " ".join(word for word in words if not word.startswith("letter:"))
    choices = {"": rest, **{name: f"letter:{name} {rest}".strip() for name in ("open", "discarded")}}
    asked = next((word.removeprefix("letter:") for word in words if word.startswith("letter:")), "")
    return [(name, _query(q=query), name == asked) for name, query in choices.items()]


def _from_boxes(given: Any) -> list[str]:
    words = [f'{name}:"{given[name]}"' for name in SHORTCUTS if given.get(name) and '"' not in given[name]]
    return [*words, f"age:<{given['since']}"] if given.get("since") in SINCE else words


def _taken_sort(text: str, sort: str) -> tuple[str, bool]:
    """`sort:oldest` may stand in the search, so that a link can carry it."""
    words = [word for word in text.split(" ") if word != "sort:oldest"]
    return " ".join(words).strip(), sort == "oldest" or "sort:oldest" in text


def _query(**given: str) -> str:
    return urlencode({name: value for name, value in given.items() if value})


def _missing_job(request: PageRequest, job_id: UUID) -> HttpResponse:
    """It may have been pruned: what was done to it is kept."""
    actions = list(Action.objects.filter(object=f"job:{job_id}").order_by("-id")[:20])
    may_see = request.actor.may("jobs.view_action")
    context = {"message": f"There is no job {job_id}.", "actions": actions if may_see else [], "job_id": job_id}
    return frame.render(request, "missing", context, status=404)
