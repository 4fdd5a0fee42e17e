"""The stretch of time that charts show: one of the usual ranges up to now, or from one moment to another."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jobs.domain.errors import FieldInvalid

# Range → seconds between two points, seconds in all.
RANGES: dict[str, tuple[int, int]] = {
    "15m": (5, 900),
    "1h": (15, 3_600),
    "6h": (60, 21_600),
    "24h": (300, 86_400),
    "7d": (1_800, 604_800),
}
USUAL = "15m"


@dataclass(frozen=True, slots=True)
class Window:
    """`until` None: up to now, and it moves on."""

    step: int
    since: datetime
    until: datetime | None = None
    name: str = ""

    def span_seconds(self, *, now: datetime) -> float:
        return ((self.until or now) - self.since).total_seconds()

    @property
    def title(self) -> str:
        if self.until is None:
            return f"the last {self.name}"
        return f"{self.since:%d %b %H:%M} to {self.until:%d %b %H:%M} UTC"

    @property
    def query(self) -> str:
        """The same window, asked for again."""
        if self.until is None:
            return f"range={self.name}"
        return f"from={self.since:%Y-%m-%dT%H:%M}&to={self.until:%Y-%m-%dT%H:%M}"


def of_range(name: str, *, now: datetime) -> Window:
    name = name if name in RANGES else USUAL
    step, seconds = RANGES[name]
    return Window(step, now - timedelta(seconds=seconds), name=name)


def read(given: Mapping[str, str], *, now: datetime) -> Window:
    """From an address: `range`, or `from` and `to`; an end left empty is now."""
    if not given.get("from") and not given.get("to"):
        return of_range(given.get("range", ""), now=now)
    until = min(_moment("to", given.get("to", "")) or now, now)
    since = _moment("from", given.get("from", "")) or until - timedelta(hours=1)
    if since >= until:
        raise FieldInvalid("from", "The beginning must be before the end, and not in the future.")
    return Window(_step(now - since), since, until)


def _step(reach: timedelta) -> int:
    """The finest ring that goes back so far."""
    fitting = [step for step, seconds in RANGES.values() if seconds >= reach.total_seconds()]
    return fitting[0] if fitting else max(step for step, _ in RANGES.values())


def _moment(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise FieldInvalid(name, "Give a date and a time in UTC, such as 2026-11-20T10:00.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
