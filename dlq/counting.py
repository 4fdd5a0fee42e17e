"""How many of a group died in each window, from counts per minute and hour: a window costs the same however full it is.

A window reaches back to the beginning of the minute (up to 3 h) or hour (longer ones) in which it starts.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.db.models import Q, Sum

from dlq.models import GroupCount, Span

WINDOWS: dict[str, tuple[Span, timedelta]] = {
    "1h": (Span.MINUTE, timedelta(hours=1)),
    "3h": (Span.MINUTE, timedelta(hours=3)),
    "24h": (Span.HOUR, timedelta(hours=24)),
    "3d": (Span.HOUR, timedelta(days=3)),
    "7d": (Span.HOUR, timedelta(days=7)),
}
_WIDTH = {Span.MINUTE: timedelta(minutes=1), Span.HOUR: timedelta(hours=1)}
_KEPT = {Span.MINUTE: timedelta(hours=4), Span.HOUR: timedelta(days=8)}

Key = tuple[str, str, datetime]


def beginning(span: Span, moment: datetime) -> datetime:
    whole = moment.replace(second=0, microsecond=0)
    return whole if span is Span.MINUTE else whole.replace(minute=0)


def add(deaths: Iterable[tuple[str, datetime]], *, using: str) -> None:
    """Count these (fingerprint, moment). The caller holds the locks of their groups, so nobody else writes the rows."""
    wanted: Counter[Key] = Counter()
    for fingerprint, moment in deaths:
        for span in Span:
            wanted[(fingerprint, span, beginning(span, moment))] += 1
    counts = GroupCount.objects.using(using)
    counts.bulk_create([GroupCount(group_id=f, span=s, at=at) for f, s, at in sorted(wanted)], ignore_conflicts=True)
    found = counts.filter(group_id__in={f for f, _, _ in wanted}, at__in={at for _, _, at in wanted}).order_by("id")
    changed = []
    for row in found:
        more = wanted.get((row.group_id, row.span, row.at))
        if more:
            row.count += more
            changed.append(row)
    counts.bulk_update(changed, ["count"], batch_size=500)


def windows(fingerprints: Collection[str], *, now: datetime) -> dict[str, dict[str, int]]:
    """Fingerprint → window → how many died in it."""
    found: dict[str, dict[str, int]] = {fingerprint: dict.fromkeys(WINDOWS, 0) for fingerprint in fingerprints}
    for span in Span:
        names = [name for name, (of, _) in WINDOWS.items() if of is span]
        rows = GroupCount.objects.filter(
            group_id__in=fingerprints, span=span, at__gt=_since(span, max(WINDOWS[name][1] for name in names), now)
        )
        sums = {f"n{name}": Sum("count", filter=Q(at__gt=_since(span, WINDOWS[name][1], now))) for name in names}
        for fingerprint, *numbers in rows.values_list("group_id").annotate(**sums):
            found[fingerprint].update(zip(names, (number or 0 for number in numbers), strict=True))
    return found


def died_within(window: str, *, now: datetime) -> dict[str, int]:
    """Fingerprint → how many died, for every group that anybody died of in that window."""
    span, reach = WINDOWS[window]
    rows = GroupCount.objects.filter(span=span, at__gt=_since(span, reach, now))
    return dict(rows.values_list("group_id").annotate(n=Sum("count")))


def hours(fingerprints: Collection[str], *, now: datetime, count: int = 24) -> dict[str, list[int]]:
    """Fingerprint → how many died in each of the last hours, oldest first; the last one is not over yet."""
    first = beginning(Span.HOUR, now) - timedelta(hours=count - 1)
    series: dict[str, list[int]] = defaultdict(lambda: [0] * count)
    rows = GroupCount.objects.filter(group_id__in=fingerprints, span=Span.HOUR, at__gte=first)
    for fingerprint, at, died in rows.values_list("group_id", "at", "count"):
        place = int((at - first) / timedelta(hours=1))
        if place < count:
            series[fingerprint][place] += died
    return {fingerprint: series[fingerprint] for fingerprint in fingerprints}


def prune(now: datetime) -> None:
    for span in Span:
        old = GroupCount.objects.filter(span=span, at__lt=now - _KEPT[span])
        GroupCount.objects.filter(id__in=list(old.values_list("id", flat=True)[:5_000])).delete()


def _since(span: Span, window: timedelta, now: datetime) -> datetime:
    return now - window - _WIDTH[span]
