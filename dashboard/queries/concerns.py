"""What needs attention: each one sentence that says what is wrong and leads to where it can be looked into."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.queries import workers
from dashboard.queries.workers import Pool
from dlq.models import Group, Triage
from jobs.domain.actors import Actor

GROUPS_SHOWN = 5
OLDEST_WARN_SECONDS, OLDEST_ALARM_SECONDS = 60.0, 600.0
FAILING_WARN_PERCENT, FAILING_ALARM_PERCENT = 5.0, 25.0
LAG_WARN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that needs attention, and where to go."""

    level: str
    text: str
    url: str
    argument: str = ""
    query: str = ""
    since: datetime | None = None


def find(sample: dict[str, Any], *, actor: Actor, is_silent: bool, pool: Pool) -> list[Concern]:
    """The worst first."""
    found = [*_parts(sample, is_silent=is_silent, pool=pool)]
    for queue in sample["queues"]:
        found.extend(_queue_concerns(queue, pool))
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
    if lag > LAG_WARN_SECONDS:
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
    level = level_of(oldest, OLDEST_WARN_SECONDS, OLDEST_ALARM_SECONDS)
    return (
        [Concern(level, f"The oldest job in {name} has waited {oldest:.0f} s.", "dashboard:queue", name)]
        if level
        else []
    )


def level_of(value: float | None, warn: float, alarm: float) -> str:
    if value is None or value < warn:
        return ""
    return "alarm" if value >= alarm else "warn"
