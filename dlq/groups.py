"""Keeps the groups' counters and states in step with the letters. Groups are locked after jobs, in order of fingerprint."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from dlq import counting, fingerprint, grouplife, signals
from dlq.grouplife import GroupEvent
from dlq.models import Group, Resolution, Triage
from dlq.signals import GroupChanged
from jobs import conf
from jobs.domain.journal import Failure
from jobs.lifecycle.recording import database

_TASKS_NAMED = 50
_COUNTERS = ("total", "open", "requeued", "discarded", "died_again")
_SEEN = ("tasks", "queues", "first_seen", "last_seen")
_STATE = ("state", "state_since", "state_by", "state_reason", "muted_until", "muted_until_total")
_ANNOUNCED = ("announce_at", "announce_tries")


@dataclass(frozen=True, slots=True)
class Death:
    fingerprint: str
    task: str
    queue: str
    failure: Failure
    at: datetime


def lock(fingerprints: Collection[str]) -> dict[str, Group]:
    found = Group.objects.using(database()).select_for_update().filter(fingerprint__in=fingerprints)
    return {group.fingerprint: group for group in found.order_by("fingerprint")}


def count_deaths(deaths: Sequence[Death], *, died_again: Counter[str]) -> None:
    """Add the dead to their groups, and to the groups they were requeued from. Inside the recording transaction."""
    using = database()
    by_fingerprint: dict[str, list[Death]] = {}
    for death in deaths:
        by_fingerprint.setdefault(death.fingerprint, []).append(death)
    fresh = _open_new(by_fingerprint, using=using)
    groups = lock({*by_fingerprint, *died_again})
    for print_ in fresh:
        _tell(groups[print_], before="")
    for print_, members in by_fingerprint.items():
        _see(groups[print_], members)
    for print_, again in died_again.items():
        groups[print_].died_again += again
    Group.objects.using(using).bulk_update(groups.values(), [*_COUNTERS, *_SEEN, *_STATE, *_ANNOUNCED], batch_size=200)
    counting.add(((death.fingerprint, death.task, death.queue, death.at) for death in deaths), using=using)


def count_resolved(resolved: Counter[str], groups: dict[str, Group], resolution: Resolution) -> None:
    """Take these from the open ones of their (locked) groups."""
    for print_, count in resolved.items():
        group = groups[print_]
        group.open -= count
        if resolution is Resolution.REQUEUED:
            group.requeued += count
        else:
            group.discarded += count
    changed = [groups[print_] for print_ in resolved]
    Group.objects.using(database()).bulk_update(changed, ["open", "requeued", "discarded"], batch_size=200)


def change(group: Group, event: GroupEvent, *, by: str, reason: str, at: datetime) -> bool:
    """Move the (locked) group on and tell it after the commit; the caller saves it. False: not from this state."""
    target = grouplife.move(Triage(group.state), event)
    if target is None:
        return False
    before = group.state
    group.state, group.state_since = target, at
    group.state_by, group.state_reason = by[:150], reason
    group.muted_until = group.muted_until_total = None
    if before != target:
        _tell(group, before=before)
    return True


def save_state(group: Group) -> None:
    group.save(using=database(), update_fields=[*_STATE, *_ANNOUNCED])


def end_mutes(now: datetime) -> int:
    """Bring back the groups that were muted until a date that has come."""
    with transaction.atomic(using=database()):
        due = list(Group.objects.mute_over(now).values_list("fingerprint", flat=True)[:200])
        for group in lock(due).values():
            if group.muted_until is not None and group.muted_until <= now:
                change(group, GroupEvent.MUTE_ENDED, by="keeper", reason="muted until now", at=now)
                save_state(group)
    return len(due)


def is_announcing() -> bool:
    settings = conf.current()
    return bool(settings.ALERT_WEBHOOK_URL or settings.ALERT_EMAILS)


def _open_new(by_fingerprint: dict[str, list[Death]], *, using: str) -> list[str]:
    """Insert the groups that nobody has seen yet; two keepers may try, in one order."""
    groups = Group.objects.using(using)
    known = set(groups.filter(fingerprint__in=by_fingerprint).values_list("fingerprint", flat=True))
    fresh = sorted(by_fingerprint.keys() - known)
    groups.bulk_create([_group_of(by_fingerprint[print_][0]) for print_ in fresh], ignore_conflicts=True)
    return fresh


def _group_of(death: Death) -> Group:
    return Group(
        fingerprint=death.fingerprint,
        version=fingerprint.VERSION,
        title=fingerprint.title(death.failure),
        error_type=death.failure.type[:255],
        first_seen=death.at,
        last_seen=death.at,
        state_since=death.at,
    )


def _see(group: Group, deaths: Sequence[Death]) -> None:
    group.total += len(deaths)
    group.open += len(deaths)
    group.first_seen = min(group.first_seen, *(death.at for death in deaths))
    group.last_seen = max(group.last_seen, *(death.at for death in deaths))
    group.tasks = _with(group.tasks, (death.task for death in deaths))
    group.queues = _with(group.queues, (death.queue for death in deaths))
    _react(group)


def _react(group: Group) -> None:
    """A resolved group has come back; a muted one may have been muted long or often enough."""
    at = group.last_seen
    change(group, GroupEvent.CAME_BACK, by="keeper", reason="it died again after it was resolved", at=at)
    is_over = group.muted_until is not None and group.muted_until <= at
    if is_over or (group.muted_until_total is not None and group.total >= group.muted_until_total):
        change(group, GroupEvent.MUTE_ENDED, by="keeper", reason="muted until now", at=at)


def _with(known: list[str], more: Iterable[str]) -> list[str]:
    return sorted({*known, *more})[:_TASKS_NAMED]


def _tell(group: Group, *, before: str) -> None:
    if is_announcing():
        cool_down = timedelta(seconds=conf.current().ALERT_COOLDOWN_SECONDS)
        earliest = group.announced_at + cool_down if group.announced_at else group.state_since
        group.announce_at, group.announce_tries = max(group.state_since, earliest), 0
    told = GroupChanged(
        fingerprint=group.fingerprint,
        title=group.title,
        before=before,
        after=group.state,
        at=group.state_since,
        by=group.state_by or "keeper",
    )
    send = partial(signals.group_changed.send_robust, sender=Group, change=told)
    transaction.on_commit(send, using=database(), robust=True)
