"""Dead letters as a list: the very burials that a number on the failures pages counts, page by page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from dlq import filters
from dlq.filters import LetterFilter
from dlq.models import DeadLetter, Group
from jobs.api.deadlines import list_deadline
from jobs.api.pagination import Cursor

PAGE_SIZE = 50
COUNT_CAP = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Empty means any. The names are those of the page's address."""

    fingerprint: str = ""
    task: str = ""
    queue: str = ""
    exception: str = ""
    resolution: str = ""
    since: datetime | None = None

    def apply(self, letters: QuerySet[DeadLetter]) -> QuerySet[DeadLetter]:
        found = LetterFilter(
            fingerprint=self.fingerprint,
            task_type=self.task,
            priority=self.queue,
            resolution=self.resolution,
            since=self.since,
        ).apply(letters)
        return found.filter(group__error_type=self.exception) if self.exception else found


@dataclass(frozen=True, slots=True)
class LetterPage:
    letters: list[DeadLetter]
    count: int
    older: str = ""


def read(given: Mapping[str, str]) -> Wanted:
    """Raises FilterInvalid for a value that means nothing."""
    names = {"fingerprint": "fingerprint", "task": "task_type", "queue": "priority", "resolution": "resolution"}
    checked = filters.read({**{api: given.get(name) for name, api in names.items()}, "since": given.get("since")})
    return Wanted(
        fingerprint=checked.fingerprint,
        task=checked.task_type,
        queue=checked.priority,
        exception=given.get("exception", "")[:255],
        resolution=checked.resolution,
        since=checked.since,
    )


def page(wanted: Wanted, *, cursor: str = "") -> LetterPage:
    meant = wanted.apply(DeadLetter.objects.all())
    letters = meant.filter(id__lt=Cursor.read(cursor).key) if cursor else meant
    shown = letters.select_related("job", "group").defer("traceback", "payload", "args", "job__payload", "job__result")
    with list_deadline():
        found = list(shown.order_by("-id")[: PAGE_SIZE + 1])
        count = meant.order_by().values("id")[: COUNT_CAP + 1].count()
    older = str(Cursor(str(found[PAGE_SIZE - 1].id))) if len(found) > PAGE_SIZE else ""
    return LetterPage(found[:PAGE_SIZE], count, older)


def group_of(wanted: Wanted) -> Group | None:
    return Group.objects.filter(fingerprint=wanted.fingerprint).first() if wanted.fingerprint else None
