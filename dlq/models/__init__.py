"""The tables of the dead letters: letters, the groups they fall into, and operations on many of them."""

from dlq.models.group import Group, GroupCount, Note, Span, Triage
from dlq.models.letter import DeadLetter, DeadLetterQuerySet, Resolution
from dlq.models.operation import Operation, OperationItem, OperationState, Verb

__all__ = [
    "DeadLetter",
    "DeadLetterQuerySet",
    "Group",
    "GroupCount",
    "Note",
    "Operation",
    "OperationItem",
    "OperationState",
    "Resolution",
    "Span",
    "Triage",
    "Verb",
]
