"""What the dead letters tell whoever wants to raise an alarm. Sent after the commit; a receiver that fails stops nobody."""

from dataclasses import dataclass
from datetime import datetime

from django.dispatch import Signal


@dataclass(frozen=True, slots=True)
class GroupChanged:
    """A group has another state; `before` is empty for one that has just been seen for the first time."""

    fingerprint: str
    title: str
    before: str
    after: str
    at: datetime
    by: str


group_changed = Signal()  # `change`: a GroupChanged
operation_ended = Signal()  # `operation`: finished, stopped or cancelled
