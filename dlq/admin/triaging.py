"""What people decide about a group: acknowledge, mute, resolve, reopen."""

from collections.abc import Callable
from typing import Any, ClassVar

from dlq import grouplife, triage
from dlq.grouplife import GroupEvent
from dlq.models import Group, Triage
from dlq.triage import TriageInvalid
from jobs.admin import verbs
from jobs.admin.verbs import Ask, Done, Field, Look
from jobs.domain.errors import StateConflict


class Decide(verbs.Verb):
    permission = triage.PERMISSION
    event: ClassVar[GroupEvent]
    move: ClassVar[Callable[..., Group]]

    def refusal(self, row: Group) -> str:
        return "" if grouplife.move(Triage(row.state), self.event) else f"{row.state}"

    def act(self, look: Look, ask: Ask) -> Done:
        done = Done([], said="")
        rows = []
        for group in look.rows:
            try:
                rows.append(
                    type(self).move(
                        group.fingerprint, actor=ask.actor, reason=ask.reason, now=ask.now, **self.more(ask)
                    )
                )
            except StateConflict as conflict:
                done.refused[str(conflict)] += 1
        done.rows = rows
        return done

    def more(self, ask: Ask) -> dict[str, Any]:
        return {}


class Acknowledge(Decide):
    name = "acknowledge"
    label = "Acknowledge"
    participle = "acknowledged"
    explanation = "Somebody looks into it."
    event = GroupEvent.ACKNOWLEDGED
    move = staticmethod(triage.acknowledge)


class Resolve(Decide):
    name = "resolve"
    label = "Resolve"
    participle = "resolved"
    explanation = "The cause is gone. Whoever dies of it from now on makes the group regressed."
    event = GroupEvent.RESOLVED
    move = staticmethod(triage.resolve)


class Reopen(Decide):
    name = "reopen"
    label = "Reopen"
    participle = "reopened"
    explanation = "It needs a decision again."
    event = GroupEvent.REOPENED
    move = staticmethod(triage.reopen)


class Mute(Decide):
    name = "mute"
    label = "Mute"
    participle = "muted"
    explanation = "Nobody is told of it until so many more have died of it."
    event = GroupEvent.MUTED
    move = staticmethod(triage.mute)

    def fields(self, look: Look) -> list[Field]:
        return [Field("deaths", "Until so many more have died", "number", "100")]

    def more(self, ask: Ask) -> dict[str, Any]:
        text = ask.given.get("deaths", "")
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise TriageInvalid("deaths", "Give a number from 1 to 1000000.")
        return {"deaths": int(text)}
