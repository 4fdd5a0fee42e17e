"""Times as people type them: a date, an ISO 8601 time, or how long ago."""

from datetime import UTC, datetime, timedelta

from django.utils.dateparse import parse_date, parse_datetime

from jobs.management.output import BadUsage

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
HELP = "a date, an ISO 8601 time, or how long ago, as in 30m, 12h, 7d"


def span(text: str | None) -> timedelta | None:
    """None: this is no span."""
    if not text or text[-1] not in _UNITS or not text[:-1].isdecimal() or len(text) > 6:
        return None
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def ago(name: str, text: str | None, *, now: datetime) -> datetime | None:
    """`name` is the option it was given to."""
    if text is None:
        return None
    long = span(text)
    return now - long if long is not None else moment(name, text)


def moment(name: str, text: str) -> datetime:
    """UTC unless it says."""
    try:
        day = parse_date(text)
        found = datetime(day.year, day.month, day.day) if day else parse_datetime(text)  # noqa: DTZ001  (its zone follows)
    except ValueError:
        found = None
    if found is None:
        raise BadUsage(f"{name} {text}: give a date or a time, as in 2026-11-20 or 2026-11-20T14:00Z.")
    return found if found.tzinfo else found.replace(tzinfo=UTC)
