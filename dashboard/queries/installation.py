"""What this installation is made of: versions, servers, settings in force, and what the checks say of them."""

import platform
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import django
from django.core import checks
from django.core.cache import cache
from django.db import connections as databases

from jobs import conf
from jobs.broker import connections
from jobs.lifecycle.recording import database

_CHECKED_EVERY_SECONDS = 300
_HIDDEN = ("URL", "SECRET", "EMAILS")
_OF_REDIS = {
    "redis_version": "Version",
    "used_memory_human": "Memory",
    "maxmemory_human": "Limit",
    "maxmemory_policy": "Eviction",
    "aof_enabled": "Append-only file",
    "rdb_last_bgsave_status": "Last snapshot",
    "connected_clients": "Clients",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """`warning` says what is wrong with it."""

    name: str
    value: Any
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    versions: list[Fact]
    database: list[Fact]
    redis: list[Fact]
    kept: list[tuple[str, float | None]]
    settings: list[tuple[str, Any]]
    problems: list[checks.CheckMessage]


def read() -> Installation:
    settings = conf.current()
    return Installation(
        versions=_versions(),
        database=_database(),
        redis=_redis(),
        kept=[
            ("Finished jobs, discarded letters", settings.KEEP_FINAL_SECONDS),
            ("Their payloads, results and logs", settings.KEEP_BODIES_SECONDS),
            ("Idempotency keys", settings.IDEMPOTENCY_KEPT_SECONDS),
            ("Claims, after the end of an attempt", settings.CLAIM_KEPT_SECONDS),
        ],
        settings=sorted(
            (name, getattr(settings, name))
            for name in settings.__dataclass_fields__
            if not any(word in name for word in _HIDDEN)
        ),
        problems=_problems(),
    )


def _versions() -> list[Fact]:
    names = {"celery": "Celery", "kombu": "kombu", "redis": "redis-py", "channels": "channels"}
    packages = [Fact(shown, metadata.version(name)) for name, shown in names.items()]
    return [Fact("Python", platform.python_version()), Fact("Django", django.get_version()), *packages]


def _database() -> list[Fact]:
    connection = databases[database()]
    found = [Fact("Server", f"{connection.display_name} {'.'.join(map(str, connection.get_database_version()))}")]
    asked = _OF_POSTGRES if connection.vendor == "postgresql" else _OF_SQLITE
    with connection.cursor() as cursor:
        for name, statement in asked.items():
            cursor.execute(statement)
            found.append(Fact(name, cursor.fetchone()[0]))
    return found


_OF_POSTGRES = {
    "Size": "SELECT pg_size_pretty(pg_database_size(current_database()))",
    "Connections": "SELECT count(*) || ' of ' || current_setting('max_connections') FROM pg_stat_activity",
    "Synchronous commit": "SELECT current_setting('synchronous_commit')",
}
_OF_SQLITE = {
    "Size": "SELECT (page_count * page_size / 1048576) || ' MB' FROM pragma_page_count, pragma_page_size",
    "Journal": "PRAGMA journal_mode",
    "Synchronous": "SELECT CASE synchronous WHEN 2 THEN 'full' WHEN 1 THEN 'normal' ELSE synchronous END FROM pragma_synchronous",
}


def _redis() -> list[Fact]:
    try:
        info: dict[str, Any] = connections.hasty().info()
    except connections.Unavailable:
        return [Fact("State", "can’t be reached", "Jobs are accepted and wait until it is back.")]
    return [
        Fact(shown, _said(info[name]), _warn(name, info[name])) for name, shown in _OF_REDIS.items() if name in info
    ]


def _said(value: Any) -> str:
    return {"0": "off", "1": "on", "0B": "none"}.get(str(value), str(value))


def _warn(name: str, value: Any) -> str:
    if name == "maxmemory_policy" and value != "noeviction":
        return "Redis may drop messages and claims: set maxmemory-policy noeviction."
    if name == "aof_enabled" and not int(value):
        return "A restart of Redis forgets what was not recorded yet: jobs may run again."
    return "The last snapshot failed: look at its log." if name == "rdb_last_bgsave_status" and value != "ok" else ""


def _problems() -> list[checks.CheckMessage]:
    """Checks are slow and change with a deploy only: once in five minutes will do."""
    found: list[checks.CheckMessage] | None = cache.get("tally:checks")
    if found is None:
        found = [message for message in checks.run_checks() if not message.is_silenced()]
        cache.set("tally:checks", found, _CHECKED_EVERY_SECONDS)
    return found
