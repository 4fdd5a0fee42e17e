"""From what a person types to a job: the start of an id is enough if it is unique."""

from uuid import UUID

from jobs.management.output import Found
from jobs.models import Job

_DIGITS = frozenset("0123456789abcdef")


def job(text: str) -> Job:
    prefix = text.lower().replace("-", "")
    if not prefix or len(prefix) > 32 or set(prefix) - _DIGITS:
        raise Found(f"{text!r} is no job id.")
    low, high = UUID(prefix.ljust(32, "0")), UUID(prefix.ljust(32, "f"))
    found = list(Job.objects.filter(id__range=(low, high)).order_by("id")[:2])
    if not found:
        raise Found(f"There is no job {text}. `manage.py jobs` lists the newest.")
    if len(found) > 1:
        raise Found(f"Several jobs begin with {text}. Give more of the id.")
    return found[0]
