"""One look at the system for a terminal: counts from SQL, and what the keeper's last sample adds while there is one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobs import conf
from jobs.api import statistics
from jobs.broker import connections
from jobs.domain.actors import Actor
from jobs.keeper import sampler

_FROM_THE_SAMPLE = (
    "scheduled",
    "retrying",
    "capacity",
    "dead_letters_open",
    "dead_letters_oldest_seconds",
    "groups_undecided",
    "journal_lag_seconds",
    "duplicates_suppressed",
    "rates",
)


@dataclass(frozen=True, slots=True)
class Look:
    """`sampled` is empty when no keeper leads, or Redis is away."""

    counted: dict[str, Any]
    sampled: dict[str, Any]

    @property
    def document(self) -> dict[str, Any]:
        known = {name: self.sampled.get(name) for name in _FROM_THE_SAMPLE}
        return {**self.counted, **known, "sampled_at": self.sampled.get("at")}


def look(actor: Actor, *, now: datetime) -> Look:
    return Look(statistics.stats(actor), read_fresh_sample(now))


def read_fresh_sample(now: datetime) -> dict[str, Any]:
    try:
        sample = sampler.read_sample(connections.hasty()) or {}
    except connections.Unavailable:
        return {}
    is_fresh = bool(sample) and age_seconds(sample, now=now) <= conf.current().SAMPLE_STALE_SECONDS
    return sample if is_fresh else {}


def age_seconds(sample: dict[str, Any], *, now: datetime) -> float:
    return (now - datetime.fromisoformat(sample["at"])).total_seconds()
