"""Years, months and days to jump to. Django would look up which have rows, which reads the whole table; here the first
and the last row tell the range, and every date between is offered.
"""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.http import urlencode


@dataclass(frozen=True, slots=True)
class Jump:
    title: str
    link: str


@dataclass(frozen=True, slots=True)
class Jumps:
    back: Jump | None
    choices: list[Jump]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What of a date the address names."""

    year: int | None = None
    month: int | None = None
    day: int | None = None

    @classmethod
    def read(cls, given: Mapping[str, str], column: str) -> "Chosen":
        parts = [given.get(f"{column}__{part}", "") for part in ("year", "month", "day")]
        numbers = [int(part) if part.isascii() and part.isdecimal() and len(part) <= 4 else None for part in parts]
        chosen = cls(*numbers)
        return chosen if chosen.bounds() else cls()

    def bounds(self) -> tuple[datetime, datetime] | None:
        """From when until before when; None for no date, or one that the calendar hasn't got."""
        try:
            if self.year is None:
                return None
            first = date(self.year, self.month or 1, (self.month and self.day) or 1)
            if self.month is None:
                following = date(self.year + 1, 1, 1)
            elif self.day is None:
                following = first + timedelta(days=calendar.monthrange(self.year, self.month)[1])
            else:
                following = first + timedelta(days=1)
        except (ValueError, OverflowError):
            return None
        return _midnight(first), _midnight(following)


def jumps(chosen: Chosen, *, column: str, given: Mapping[str, str], first: datetime, last: datetime) -> Jumps:
    """`first` and `last`: when the oldest and the newest row were made."""

    def jump(title: str, **parts: int) -> Jump:
        kept = {name: value for name, value in given.items() if not name.startswith(f"{column}__") and name != "p"}
        wanted = {f"{column}__{part}": str(value) for part, value in parts.items()}
        return Jump(title, "?" + urlencode(kept | wanted))

    low, high = first.astimezone(UTC).date(), last.astimezone(UTC).date()
    year, month = chosen.year, chosen.month
    if year is None and low.year == high.year:
        year = low.year
    if year is None:
        return Jumps(None, [jump(str(y), year=y) for y in range(low.year, high.year + 1)])
    everything = jump("All dates") if chosen.year is not None else None
    if month is None:
        months = [m for m in range(1, 13) if (low.year, low.month) <= (year, m) <= (high.year, high.month)]
        return Jumps(everything, [jump(f"{calendar.month_name[m]} {year}", year=year, month=m) for m in months])
    days = [d for d in range(1, _length(year, month) + 1) if low <= date(year, month, d) <= high]
    back = (
        jump(str(year), year=year)
        if chosen.day is None
        else jump(f"{calendar.month_name[month]} {year}", year=year, month=month)
    )
    shown = days if chosen.day is None else [chosen.day]
    return Jumps(back, [jump(f"{calendar.month_name[month]} {d}", year=year, month=month, day=d) for d in shown])


def span(rows: QuerySet[Any], *, column: str, order: str) -> tuple[datetime, datetime] | None:
    """When the first and the last row were made, by an index on `order`."""
    made = rows.order_by(order).values_list(column, flat=True)
    first = made.first()
    return None if first is None else (first, made.reverse()[0])


def _length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
