"""The audit trail, the schedules, and what this installation is made of."""

import platform
from dataclasses import dataclass
from typing import Any

import django
from django.core import checks
from django.core.cache import cache
from django.db import connections as databases
from django_celery_beat.models import PeriodicTask

from jobs import conf
from jobs.api import queries
from jobs.api.pagination import Cursor
from jobs.broker import connections
from jobs.domain.actors import Actor
from jobs.lifecycle.recording import database
from jobs.models import Action

PAGE_SIZE = 50
EXPORT_MAX = 10_000


@dataclass(frozen=True, slots=True)
class ActionPage:
    actions: list[Action]
    older: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    versions: list[tuple[str, str]]
    redis: list[tuple[str, str]]
    settings: list[tuple[str, Any]]
    problems: list[checks.CheckMessage]


def audit(
    *, actor: Actor, by: str = "", verb: str = "", obj: str = "", cursor: str = "", limit: int = PAGE_SIZE
) -> ActionPage:
    wanted = {"actor": by, "verb": verb, "object": obj}
    actions = queries.actions(actor).filter(**{name: value for name, value in wanted.items() if value})
    if cursor:
        actions = actions.filter(id__lt=Cursor.read(cursor).key)
    found = list(actions.order_by("-id")[: limit + 1])
    return ActionPage(found[:limit], str(Cursor(str(found[limit - 1].id))) if len(found) > limit else "")


def schedules() -> list[PeriodicTask]:
    related = ("interval", "crontab", "solar", "clocked")
    return list(PeriodicTask.objects.select_related(*related).order_by("name")[:200])


def installation() -> Installation:
    import celery
    import redis

    vendor = databases[database()].vendor
    return Installation(
        versions=[
            ("Python", platform.python_version()),
            ("Django", django.get_version()),
            ("Celery", celery.__version__),
            ("redis-py", redis.__version__),
            ("Database", f"{vendor} {'.'.join(map(str, databases[database()].get_database_version()))}"),
        ],
        redis=_redis(),
        settings=sorted(_settings().items()),
        problems=_problems(),
    )


def _settings() -> dict[str, Any]:
    current = conf.current()
    hidden = ("URL", "SECRET", "EMAILS")
    return {name: getattr(current, name) for name in current.__slots__ if not any(word in name for word in hidden)}


def _redis() -> list[tuple[str, str]]:
    try:
        info: dict[str, Any] = connections.hasty().info()
    except connections.Unavailable:
        return [("State", "can't be reached")]
    names = {
        "redis_version": "Version",
        "used_memory_human": "Memory",
        "maxmemory_human": "Limit",
        "maxmemory_policy": "Eviction",
        "aof_enabled": "Append-only file",
        "connected_clients": "Clients",
        "uptime_in_seconds": "Up (seconds)",
    }
    return [(label, str(info[name])) for name, label in names.items() if name in info]


def _problems() -> list[checks.CheckMessage]:
    """Checks are slow and change with a deploy only: once in five minutes will do."""
    found: list[checks.CheckMessage] | None = cache.get("tally:checks")
    if found is None:
        found = [message for message in checks.run_checks() if not message.is_silenced()]
        cache.set("tally:checks", found, 300)
    return found
