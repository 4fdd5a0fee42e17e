"""From what a person types to letters, groups and operations: the start of an id is enough if it is unique."""

from typing import TypeVar
from uuid import UUID

from dlq.models import DeadLetter, Group, Operation
from jobs.management.output import Found

_DIGITS = frozenset("0123456789abcdef")
Row = TypeVar("Row")


def letter(text: str) -> DeadLetter:
    """By its own id, or by its job's: then the newest of the job."""
    low, high = _range(text, what="dead letter")
    found = list(DeadLetter.objects.filter(id__range=(low, high)).order_by("-id")[:2])
    if not found:
        of_jobs = DeadLetter.objects.filter(job_id__gte=low, job_id__lte=high).order_by("-id")
        found = list(of_jobs[:1]) if of_jobs.values("job_id").distinct().count() == 1 else list(of_jobs[:2])
    return _only(found, text, what="dead letter", hint="`manage.py dlq list` shows the newest.")


def group(text: str) -> Group:
    prefix = text.lower()
    if not prefix or len(prefix) > 32 or set(prefix) - _DIGITS:
        raise Found(f"{text!r} is no fingerprint.")
    found = list(Group.objects.filter(fingerprint__startswith=prefix)[:2])
    return _only(found, text, what="group", hint="`manage.py dlq groups` shows them.")


def operation(text: str) -> Operation:
    low, high = _range(text, what="operation")
    found = list(Operation.objects.filter(id__range=(low, high))[:2])
    return _only(found, text, what="operation", hint="`manage.py dlq operations` shows the newest.")


def _range(text: str, *, what: str) -> tuple[UUID, UUID]:
    digits = text.lower().replace("-", "")
    if not digits or len(digits) > 32 or set(digits) - _DIGITS:
        raise Found(f"{text!r} is no {what} id.")
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def _only(found: list[Row], text: str, *, what: str, hint: str) -> Row:
    if not found:
        raise Found(f"There is no {what} {text}. {hint}")
    if len(found) > 1:
        raise Found(f"Several begin with {text}. Give more of the id.")
    return found[0]
