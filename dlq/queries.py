"""What is shown of letters and groups: lists by index, counters and counts per window, never a scan of the letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min, QuerySet, Sum

from dlq import counting
from dlq.filters import LetterFilter
from dlq.models import DeadLetter, Group, Triage
from jobs.intake import registry

UNDECIDED = (Triage.NEW, Triage.REGRESSED, Triage.ACKNOWLEDGED)
_RANKED_MOST = 2_000


@dataclass(frozen=True, slots=True)
class Pulse:
    open: int
    oldest_seconds: float
    groups_undecided: int


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group with what a list shows of it; `hours` are its deaths in each of the last 24."""

    group: Group
    counts: dict[str, int]
    hours: Sequence[int] = ()

    @property
    def runbook(self) -> str:
        return next((url for task in self.group.tasks if (url := runbook_of(task))), "")


def pulse(*, now: datetime) -> Pulse:
    oldest = DeadLetter.objects.filter(resolution="open").aggregate(at=Min("created_at"))["at"]
    total = Group.objects.filter(open__gt=0).aggregate(n=Sum("open"))["n"] or 0
    return Pulse(
        open=total,
        oldest_seconds=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
        groups_undecided=Group.objects.filter(state__in=UNDECIDED, open__gt=0).count(),
    )


def letters(wanted: LetterFilter | None = None) -> QuerySet[DeadLetter]:
    """Newest first; page with `id__lt`."""
    return (wanted or LetterFilter()).apply(DeadLetter.objects.all()).order_by("-id")


def groups(*, state: str = "", is_open: bool | None = None) -> QuerySet[Group]:
    """Last seen first; page with (last_seen, fingerprint)."""
    found = Group.objects.order_by("-last_seen", "-fingerprint")
    if state:
        found = found.filter(state=state)
    if is_open is not None:
        found = found.filter(open__gt=0) if is_open else found.filter(open=0)
    return found


def with_counts(some: Sequence[Group], *, now: datetime, hours: bool = False) -> list[GroupRow]:
    """Two queries, however many groups there are (three with the hours)."""
    prints = [group.fingerprint for group in some]
    counts = counting.windows(prints, now=now)
    series = counting.hours(prints, now=now) if hours else {}
    return [GroupRow(group, counts[group.fingerprint], series.get(group.fingerprint, ())) for group in some]


def ranked(*, window: str, now: datetime, states: Sequence[str] = UNDECIDED, limit: int = 50) -> list[GroupRow]:
    """The triage page: first what is new in the window, then by how many died in it; of the last seen 2 000 groups."""
    since = now - counting.WINDOWS[window][1]
    seen = groups().filter(last_seen__gte=since, state__in=states)
    first_seen = dict(seen.values_list("fingerprint", "first_seen")[:_RANKED_MOST])
    died = counting.died_within(window, now=now)
    order = sorted(first_seen, key=lambda print_: (first_seen[print_] < since, -died.get(print_, 0), print_))
    found = Group.objects.in_bulk(order[:limit])
    return with_counts([found[print_] for print_ in order[:limit] if print_ in found], now=now, hours=True)


def runbook_of(task: str) -> str:
    spec = registry.find(task)
    return spec.options.runbook if spec else ""
