"""The dead letters in Django's admin: letters, groups and operations, and what a dead job can be asked there."""

from dlq.admin import group, letter, operation

__all__ = ["group", "letter", "operation"]
