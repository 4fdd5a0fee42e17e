"""What people decide about a group as a whole: acknowledge, mute, resolve, reopen it, take it on, note what they found."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from dlq import groups
from dlq.grouplife import GroupEvent
from dlq.models import Group, Note
from jobs.control import actions
from jobs.domain.actors import Actor
from jobs.domain.errors import FieldInvalid, NotThere, StateConflict
from jobs.lifecycle.recording import database

PERMISSION = "dlq.triage_group"
NOTE_MAX_CHARACTERS = 10_000


class GroupUnknown(NotThere):
    code = "group_unknown"

    def __init__(self, fingerprint: object) -> None:
        super().__init__(f"There is no group {fingerprint}.")


class TriageInvalid(FieldInvalid):
    code = "triage_invalid"


def acknowledge(fingerprint: str, *, actor: Actor, reason: str = "", now: datetime | None = None) -> Group:
    """Somebody looks into it."""
    return _move(fingerprint, GroupEvent.ACKNOWLEDGED, actor=actor, reason=reason, now=now)


def resolve(fingerprint: str, *, actor: Actor, reason: str = "", now: datetime | None = None) -> Group:
    """The cause is gone. Whoever dies of it from now on makes the group regressed."""
    return _move(fingerprint, GroupEvent.RESOLVED, actor=actor, reason=reason, now=now)


def reopen(fingerprint: str, *, actor: Actor, reason: str = "", now: datetime | None = None) -> Group:
    return _move(fingerprint, GroupEvent.REOPENED, actor=actor, reason=reason, now=now)


def mute(
    fingerprint: str,
    *,
    actor: Actor,
    reason: str = "",
    until: datetime | None = None,
    deaths: int | None = None,
    now: datetime | None = None,
) -> Group:
    """Until that date, or until so many more have died of it, whichever comes first."""
    now = now or timezone.now()
    if until is None and deaths is None:
        raise TriageInvalid("until", "Say until when, or for how many more deaths, the group is muted.")
    if until is not None and until <= now:
        raise TriageInvalid("until", "Give a time that is still to come.")
    if deaths is not None and not 1 <= deaths <= 1_000_000:
        raise TriageInvalid("deaths", "Give a number from 1 to 1000000.")

    def limit(group: Group) -> None:
        group.muted_until = until
        group.muted_until_total = None if deaths is None else group.total + deaths

    return _move(fingerprint, GroupEvent.MUTED, actor=actor, reason=reason, now=now, then=limit)


def assign(fingerprint: str, *, actor: Actor, assignee: str) -> Group:
    """To somebody, or to nobody."""
    actor.require(PERMISSION)
    if len(assignee) > 150 or not (assignee.isprintable() or not assignee):
        raise TriageInvalid("assignee", "Give a name of at most 150 printable characters.")
    with transaction.atomic(using=database()):
        group = _lock(fingerprint)
        before, group.assignee = group.assignee, assignee
        group.save(using=database(), update_fields=["assignee"])
        _note(actor, "assign", group, reason="", before={"assignee": before}, after={"assignee": assignee})
    return group


def write_note(fingerprint: str, *, actor: Actor, text: str, now: datetime | None = None) -> Note:
    actor.require(PERMISSION)
    if not text.strip() or len(text) > NOTE_MAX_CHARACTERS or "\x00" in text:
        raise TriageInvalid("text", f"Give text of at most {NOTE_MAX_CHARACTERS} characters.")
    with transaction.atomic(using=database()):
        group = _lock(fingerprint)
        note = Note(group=group, at=now or timezone.now(), author=actor.name[:150], text=text)
        note.save(using=database(), force_insert=True)
        _note(actor, "note", group, reason="", before={}, after={"note": str(note.id)})
    return note


def _move(
    fingerprint: str,
    event: GroupEvent,
    *,
    actor: Actor,
    reason: str,
    now: datetime | None,
    then: Callable[[Group], None] | None = None,
) -> Group:
    actor.require(PERMISSION)
    reason = actions.checked_reason(reason)
    with transaction.atomic(using=database()):
        group = _lock(fingerprint)
        before = group.state
        if not groups.change(group, event, by=actor.name, reason=reason, at=now or timezone.now()):
            raise StateConflict(f"Group {fingerprint} is {before}: it can't be {event} now.")
        if then is not None:
            then(group)
        groups.save_state(group)
        _note(actor, _VERBS[event], group, reason=reason, before={"state": before}, after=_standing(group))
    return group


_VERBS = {
    GroupEvent.ACKNOWLEDGED: "acknowledge",
    GroupEvent.MUTED: "mute",
    GroupEvent.RESOLVED: "resolve",
    GroupEvent.REOPENED: "reopen",
}


def _lock(fingerprint: str) -> Group:
    found = groups.lock([fingerprint])
    if not found:
        raise GroupUnknown(fingerprint)
    return found[fingerprint]


def _standing(group: Group) -> dict[str, Any]:
    standing: dict[str, Any] = {"state": group.state}
    if group.muted_until is not None:
        standing["muted_until"] = group.muted_until.isoformat()
    if group.muted_until_total is not None:
        standing["muted_until_total"] = group.muted_until_total
    return standing


def _note(actor: Actor, verb: str, group: Group, *, reason: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    actions.note(actor, verb, f"group:{group.fingerprint}", reason=reason, before=before, after=after)
