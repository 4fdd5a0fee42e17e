"""How many died in each window, by group, task, queue or exception, from their counts per minute and hour.

A window costs the same however full it is. It reaches back to the beginning of the minute (up to 3 h) or hour (longer ones) in which it starts.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Q, Sum

from dlq.models import GroupCount, Span

WINDOWS: dict[str, tuple[Span, timedelta]] = {
    "1h": (Span.MINUTE, timedelta(hours=1)),
    "3h": (Span.MINUTE, timedelta(hours=3)),
    "24h": (Span.HOUR, timedelta(hours=24)),
    "3d": (Span.HOUR, timedelta(days=3)),
    "7d": (Span.HOUR, timedelta(days=7)),
}
_KEPT = {Span.MINUTE: timedelta(hours=4), Span.HOUR: timedelta(days=8)}

Death = tuple[str, str, str, datetime]  # fingerprint, task, queue, moment


class By(StrEnum):
    """What deaths can be counted by."""

    FINGERPRINT = "fingerprint"
    TASK = "task"
    EXCEPTION = "exception"
    QUEUE = "queue"


_COLUMN = {By.FINGERPRINT: "group_id", By.TASK: "task", By.EXCEPTION: "group__error_type", By.QUEUE: "queue"}


def beginning(span: Span, moment: datetime) -> datetime:
    whole = moment.replace(second=0, microsecond=0)
    return whole if span is Span.MINUTE else whole.replace(minute=0)


def since(window: str, *, now: datetime) -> datetime:
    """The first moment that is counted in the window."""
    span, reach = WINDOWS[window]
    return beginning(span, now - reach)


def add(deaths: Iterable[Death], *, using: str) -> None:
    """Count these deaths. The caller holds the locks of their groups, so nobody else writes the rows."""
    wanted: Counter[tuple[str, str, str, str, datetime]] = Counter()
    for fingerprint, task, queue, moment in deaths:
        for span in Span:
            wanted[(fingerprint, task, queue, span, beginning(span, moment))] += 1
    counts = GroupCount.objects.using(using)
    fresh = [GroupCount(group_id=f, task=t, queue=q, span=s, at=at) for f, t, q, s, at in sorted(wanted)]
    counts.bulk_create(fresh, ignore_conflicts=True)
    found = counts.filter(group_id__in={key[0] for key in wanted}, at__in={key[-1] for key in wanted}).order_by("id")
    changed = []
    for row in found:
        more = wanted.get((row.group_id, row.task, row.queue, row.span, row.at))
        if more:
            row.count += more
            changed.append(row)
    counts.bulk_update(changed, ["count"], batch_size=500)


def windows(keys: Collection[str], *, now: datetime, by: By = By.FINGERPRINT) -> dict[str, dict[str, int]]:
    """Key → window → how many died in it."""
    found: dict[str, dict[str, int]] = {key: dict.fromkeys(WINDOWS, 0) for key in keys}
    for span in Span:
        names = [name for name, (of, _) in WINDOWS.items() if of is span]
        first = min(since(name, now=now) for name in names)
        rows = GroupCount.objects.filter(**{f"{_COLUMN[by]}__in": keys}, span=span, at__gte=first)
        sums = {f"n{name}": Sum("count", filter=Q(at__gte=since(name, now=now))) for name in names}
        for key, *numbers in rows.values_list(_COLUMN[by]).annotate(**sums):
            found[key].update(zip(names, (number or 0 for number in numbers), strict=True))
    return found


def died_within(window: str, *, now: datetime, by: By = By.FINGERPRINT) -> dict[str, int]:
    """Key → how many died, for every key that anybody died of in that window."""
    rows = GroupCount.objects.filter(span=WINDOWS[window][0], at__gte=since(window, now=now))
    return dict(rows.values_list(_COLUMN[by]).annotate(n=Sum("count")))


def hours(keys: Collection[str], *, now: datetime, count: int = 24, by: By = By.FINGERPRINT) -> dict[str, list[int]]:
    """Key → how many died in each of the last hours, oldest first; the last one is not over yet."""
    first = beginning(Span.HOUR, now) - timedelta(hours=count - 1)
    series: dict[str, list[int]] = defaultdict(lambda: [0] * count)
    rows = GroupCount.objects.filter(**{f"{_COLUMN[by]}__in": keys}, span=Span.HOUR, at__gte=first)
    for key, at, died in rows.values_list(_COLUMN[by], "at").annotate(n=Sum("count")):
        place = int((at - first) / timedelta(hours=1))
        if place < count:
            series[key][place] += died
    return {key: series[key] for key in keys}


def prune(now: datetime) -> None:
    for span in Span:
        old = GroupCount.objects.filter(span=span, at__lt=now - _KEPT[span])
        ids = list(old.values_list("id", flat=True)[:5_000])
        if ids:
            GroupCount.objects.filter(id__in=ids).delete()
