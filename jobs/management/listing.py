"""Which jobs `manage.py jobs` is asked for: the API's filters by their names, and the search language."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.api import queries, search
from jobs.api.deadlines import TooSlow, list_deadline
from jobs.api.filters import JobFilter
from jobs.api.search import Asking
from jobs.domain.actors import Actor
from jobs.management.output import BadUsage, Found
from jobs.models import Job

FILTERS = ("state", "status", "task_type", "priority", "tag", "correlation_id", "worker", "error")
_OPTION_OF = {"task_type": "--task", "priority": "--queue"}


def jobs(
    given: Mapping[str, Any], *, words: str, actor: Actor, now: datetime, limit: int, oldest_first: bool = False
) -> list[Job]:
    """`given` are filters, `words` is a search; both must hold. By id, of which one page is read."""
    asking = Asking(now=now, actor=actor)
    rows = queries.jobs(actor).filter(search.parse(words, asking=asking).where)
    wanted = JobFilter({name: value for name, value in given.items() if value}, queryset=rows)
    wanted.asked_by = actor
    if not wanted.is_valid():
        problems = [f"{_option(name)}: {' '.join(map(str, texts))}" for name, texts in wanted.errors.items()]
        raise BadUsage("\n".join(problems))
    try:
        with list_deadline():
            return list(wanted.qs.order_by("id" if oldest_first else "-id")[:limit])
    except TooSlow as error:
        raise Found(str(error.detail)) from None


def _option(name: str) -> str:
    return _OPTION_OF.get(name, f"--{name.replace('_', '-')}")
