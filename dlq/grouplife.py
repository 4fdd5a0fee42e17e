"""The life of a group as one table: (state, event) → next state. A pair that is not in it is a conflict."""

from enum import StrEnum

from dlq.models.group import Triage


class GroupEvent(StrEnum):
    ACKNOWLEDGED = "acknowledged"
    MUTED = "muted"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CAME_BACK = "came_back"
    MUTE_ENDED = "mute_ended"


_UNDECIDED = (Triage.NEW, Triage.REGRESSED, Triage.ACKNOWLEDGED)

TABLE: dict[tuple[Triage, GroupEvent], Triage] = {
    **{(state, GroupEvent.ACKNOWLEDGED): Triage.ACKNOWLEDGED for state in (Triage.NEW, Triage.REGRESSED, Triage.MUTED)},
    **{(state, GroupEvent.MUTED): Triage.MUTED for state in (*_UNDECIDED, Triage.MUTED)},
    **{(state, GroupEvent.RESOLVED): Triage.RESOLVED for state in (*_UNDECIDED, Triage.MUTED)},
    **{(state, GroupEvent.REOPENED): Triage.NEW for state in (Triage.ACKNOWLEDGED, Triage.MUTED, Triage.RESOLVED)},
    (Triage.MUTED, GroupEvent.MUTE_ENDED): Triage.NEW,
    (Triage.RESOLVED, GroupEvent.CAME_BACK): Triage.REGRESSED,
}


def move(state: Triage, event: GroupEvent) -> Triage | None:
    return TABLE.get((state, event))
