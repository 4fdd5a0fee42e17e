"""What needs attention: each one sentence that says what is wrong and leads to where it can be looked into."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.queries import overdue, workers
from dashboard.queries.workers import Pool
from dlq.models import Group, Triage
from jobs import conf
from jobs.domain.actors import Actor

GROUPS_SHOWN = 5
SCHEDULES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that needs attention, and where to go."""

    level: str
    text: str
    url: str
    argument: str = ""
    query: str = ""
    since: datetime | None = None


def find(sample: dict[str, Any], *, actor: Actor, is_silent: bool, pool: Pool, now: datetime) -> list[Concern]:
    """The worst first."""
    found = [*_parts(sample, is_silent=is_silent, pool=pool)]
    for queue in sample["queues"]:
        found.extend(_queue_concerns(queue, pool))
    found.extend(_schedule_concerns(now))
    undecided = Group.objects.needing_attention().order_by("-last_seen")[:GROUPS_SHOWN]
    found.extend(_group_concern(group, shows_text=actor.may("jobs.view_payload")) for group in undecided)
    return sorted(found, key=lambda concern: concern.level != "alarm")


def _parts(sample: dict[str, Any], *, is_silent: bool, pool: Pool) -> list[Concern]:
    """Redis, the keeper, the journal, the workers."""
    found: list[Concern] = []
    if not pool.is_known:
        text = "Redis can't be reached: jobs are accepted, none are handed out."
        found.append(Concern("alarm", text, "dashboard:about"))
    elif is_silent:
        text = "The keeper is silent: nothing is recorded and nothing falls due."
        found.append(Concern("alarm", text, "dashboard:about"))
    lag = sample.get("journal_lag_seconds", 0)
    if lag > conf.current().LAG_WARN_SECONDS:
        text = f"The journal is {lag:.0f} s behind: what ended is shown late."
        found.append(Concern("warn", text, "dashboard:about"))
    count = len(pool.orphans)
    if count:
        text = f"{count} running {'job has' if count == 1 else 'jobs have'} lost the worker."
        found.append(Concern("warn", text, "dashboard:workers"))
    return found


def _group_concern(group: Group, *, shows_text: bool) -> Concern:
    """Its title is made of an error's text, which not everybody may see."""
    came_back = group.state == Triage.REGRESSED
    name = group.title if shows_text else group.error_type.rsplit(".", 1)[-1]
    text = f"{'Came back' if came_back else 'New'}: {name}"
    level = "alarm" if came_back else "warn"
    return Concern(level, text, "dashboard:group", group.fingerprint, since=group.last_seen)


def _queue_concerns(queue: dict[str, Any], pool: Pool) -> list[Concern]:
    name, waiting, oldest = queue["name"], queue["waiting"], queue["oldest_seconds"]
    if queue["paused"]:
        return []  # the banner says it on every page
    if pool.is_known and not workers.serving(name, pool.workers):
        level = "alarm" if waiting else "warn"
        return [Concern(level, f"No worker takes from {name}; {waiting} wait.", "dashboard:queue", name)]
    level = waiting_level(oldest)
    return (
        [Concern(level, f"The oldest job in {name} has waited {_rounded(oldest)}.", "dashboard:queue", name)]
        if level
        else []
    )


def _schedule_concerns(now: datetime) -> list[Concern]:
    late = overdue.find(now=now)
    found = [
        Concern(
            "warn",
            f"The schedule {one.name} is overdue by {_rounded(one.seconds)}: is beat running?",
            "dashboard:schedules",
        )
        for one in late[:SCHEDULES_SHOWN]
    ]
    if len(late) > SCHEDULES_SHOWN:
        text = f"{len(late) - SCHEDULES_SHOWN} more schedules are overdue."
        found.append(Concern("warn", text, "dashboard:schedules"))
    return found


def _rounded(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def waiting_level(oldest_seconds: float) -> str:
    settings = conf.current()
    return level_of(oldest_seconds, settings.WAIT_WARN_SECONDS, settings.WAIT_ALARM_SECONDS)


def failing_level(percent: float | None) -> str:
    settings = conf.current()
    return level_of(percent, settings.FAILURE_WARN_PERCENT, settings.FAILURE_ALARM_PERCENT)


def level_of(value: float | None, warn: float, alarm: float) -> str:
    if value is None or value < warn:
        return ""
    return "alarm" if value >= alarm else "warn"
