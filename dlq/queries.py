"""What is shown of letters and groups: lists by index, counters and counts per window, never a scan of the letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from django.db.models import Min, QuerySet, Sum

from dlq import counting
from dlq.counting import By
from dlq.filters import LetterFilter
from dlq.models import DeadLetter, Group, Triage
from jobs.intake import registry

UNDECIDED = (Triage.NEW, Triage.REGRESSED, Triage.ACKNOWLEDGED)
_RANKED_MOST = 2_000
_RANKED_BY = ("fingerprint", "first_seen", "last_seen", "error_type", "tasks", "queues", "state")


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


@dataclass(frozen=True, slots=True)
class Bundle:
    """The deaths of one task, queue or exception. `last_seen` and `first_seen` are those of its groups."""

    key: str
    groups: int
    undecided: int
    first_seen: datetime
    last_seen: datetime
    counts: dict[str, int]
    hours: Sequence[int]


def pulse(*, now: datetime) -> Pulse:
    oldest = DeadLetter.objects.open().aggregate(at=Min("created_at"))["at"]
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


def ranked(
    *,
    window: str,
    now: datetime,
    states: Sequence[str] = UNDECIDED,
    among: tuple[By, str] | None = None,
    limit: int = 50,
) -> list[GroupRow]:
    """The triage page: first what is new in the window, then by how many died in it; of the last seen 2 000 groups.

    `among`: only those of one task, queue or exception.
    """
    since = now - counting.WINDOWS[window][1]
    seen = groups().filter(last_seen__gte=since, state__in=states)
    first_seen = _first_seen(seen) if among is None else _first_seen_among(seen, *among)
    died = counting.died_within(window, now=now)
    order = sorted(first_seen, key=lambda print_: (first_seen[print_] < since, -died.get(print_, 0), print_))
    found = Group.objects.in_bulk(order[:limit])
    return with_counts([found[print_] for print_ in order[:limit] if print_ in found], now=now, hours=True)


def _first_seen(seen: QuerySet[Group]) -> dict[str, datetime]:
    """Columns, not objects: two thousand groups with their lists cost more than all else on the page."""
    return dict(seen.values_list("fingerprint", "first_seen")[:_RANKED_MOST])


def _first_seen_among(seen: QuerySet[Group], by: By, wanted: str) -> dict[str, datetime]:
    some = seen.only(*_RANKED_BY)[:_RANKED_MOST]
    return {group.fingerprint: group.first_seen for group in some if wanted in keys_of(group, by=by)}


def bundles(by: By, *, window: str, now: datetime, limit: int = 50) -> list[Bundle]:
    """The same by task, queue or exception, whatever was decided about the groups."""
    since = now - counting.WINDOWS[window][1]
    members: dict[str, list[Group]] = {}
    for group in groups().filter(last_seen__gte=since).only(*_RANKED_BY)[:_RANKED_MOST]:
        for key in keys_of(group, by=by):
            members.setdefault(key, []).append(group)
    died = counting.died_within(window, now=now, by=by)
    first_seen = {key: min(group.first_seen for group in some) for key, some in members.items() if key in died}
    order = sorted(first_seen, key=lambda key: (first_seen[key] < since, -died[key], key))[:limit]
    counts = counting.windows(order, now=now, by=by)
    hours = counting.hours(order, now=now, by=by)
    return [
        Bundle(
            key=key,
            groups=len(members[key]),
            undecided=sum(group.state in UNDECIDED for group in members[key]),
            first_seen=first_seen[key],
            last_seen=max(group.last_seen for group in members[key]),
            counts=counts[key],
            hours=hours[key],
        )
        for key in order
    ]


def keys_of(group: Group, *, by: By) -> list[str]:
    match by:
        case By.FINGERPRINT:
            return [group.fingerprint]
        case By.TASK:
            return list(group.tasks)
        case By.QUEUE:
            return list(group.queues)
        case By.EXCEPTION:
            return [group.error_type]
        case _:
            assert_never(by)


def runbook_of(task: str) -> str:
    spec = registry.find(task)
    return spec.options.runbook if spec else ""
