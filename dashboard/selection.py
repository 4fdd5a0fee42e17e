"""Which jobs somebody means: those that are ticked, or all that match a list's search, as they were when first asked."""

from dataclasses import dataclass
from uuid import UUID

from django.http import Http404, QueryDict

from jobs.api import queries, search
from jobs.api.deadlines import list_deadline
from jobs.api.search import Asking
from jobs.models import Job

MOST = 10_000
_COLUMNS = ("id", "task", "queue", "state", "attempt", "created_at", "cancel_requested_at", "error_type")
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Selection:
    """`jobs` are newest first. `upto`: whoever comes after this id was not meant, when all that match are."""

    jobs: list[Job]
    is_all: bool = False
    search: str = ""
    upto: str = ""
    has_more: bool = False

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What a form carries so that the same jobs are meant again."""
        if self.is_all:
            return [("all", "1"), ("search", self.search), ("upto", self.upto)]
        return [("id", str(job.id)) for job in self.jobs]


def read(given: QueryDict, *, states: frozenset[str], asking: Asking) -> Selection:
    """Of all that match, only those in one of the states are looked up; of the ticked, every one."""
    if given.get("all") == "1":
        return _matching(given.get("search", ""), upto=given.get("upto", ""), states=states, asking=asking)
    ids = [_id(text) for text in given.getlist("id")]
    jobs = queries.jobs(asking.actor).only(*_COLUMNS)
    chunks = (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))
    found = [job for chunk in chunks for job in jobs.filter(id__in=chunk)]
    return Selection(sorted(found, key=lambda job: job.id, reverse=True))


def _matching(text: str, *, upto: str, states: frozenset[str], asking: Asking) -> Selection:
    jobs = queries.jobs(asking.actor).only(*_COLUMNS).filter(search.parse(text, asking=asking).where)
    if states:
        jobs = jobs.filter(state__in=states)
    if upto:
        jobs = jobs.filter(id__lte=_id(upto))
    with list_deadline():
        found = list(jobs.order_by("-id")[: MOST + 1])
    newest = upto or (str(found[0].id) if found else "")
    return Selection(found[:MOST], is_all=True, search=text, upto=newest, has_more=len(found) > MOST)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404("One of these is no job's id.") from None
