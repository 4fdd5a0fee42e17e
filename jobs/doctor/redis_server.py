"""Redis: that it answers, keeps what it is given, and is no older than what the queue asks of it.

The broker's lists and the journal may be on two servers; both are looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import redis
from celery import current_app

from jobs import conf
from jobs.broker import connections, depth, journal
from jobs.doctor.findings import Finding, Level, examination

OLDEST_VERSION = (6, 2)
_FULL_PERCENT = 80


@dataclass(frozen=True, slots=True)
class Server:
    """`carries` says what of ours lies there."""

    carries: str
    url: str
    client: redis.Redis

    @property
    def address(self) -> str:
        """Without its password."""
        parts = urlsplit(self.url)
        return f"{parts.hostname or parts.path}:{parts.port or 6379}"

    def info(self, section: str) -> dict[str, Any]:
        return self.client.info(section)


def servers() -> list[Server]:
    broker = Server("messages", str(current_app.conf.broker_url), depth.client())
    kept = Server("journal and claims", conf.current().JOURNAL_URL, connections.patient())
    if broker.address == kept.address:
        return [Server("messages, journal and claims", kept.url, kept.client)]
    return [kept, broker]


@examination("redis", "Redis answers.")
def silent_servers() -> Iterator[Finding]:
    for server in servers():
        try:
            server.client.ping()
        except connections.Unavailable as error:
            yield Finding(
                what=f"Redis at {server.address} ({server.carries}) can't be reached: {error}".rstrip(".") + ".",
                why="Jobs are accepted into SQL, but none is started until it is back.",
                remedy="Start it, or correct REDIS_URL. `make up` brings one of its own.",
            )


@examination("redis_version", f"Redis is version {'.'.join(map(str, OLDEST_VERSION))} or later.", needs="redis")
def old_servers() -> Iterator[Finding]:
    for server in servers():
        told = str(server.info("server").get("redis_version", "0"))
        if _version(told) < OLDEST_VERSION:
            yield Finding(
                what=f"Redis at {server.address} is version {told}.",
                why="The journal uses commands that came with 6.2 (XAUTOCLAIM): the keeper can't take over what another left.",
                remedy="Upgrade to Redis 6.2 or later, or Valkey 7.2 or later.",
            )


@examination("redis_eviction", "Redis evicts nothing (maxmemory-policy noeviction).", needs="redis")
def evicting_servers() -> Iterator[Finding]:
    for server in servers():
        policy = server.info("memory").get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            yield Finding(
                what=f"Redis at {server.address} has maxmemory-policy {policy}.",
                why="When memory is short it deletes keys without a word: claims (a job would run twice), journal entries "
                "(an outcome would be lost), messages.",
                remedy="CONFIG SET maxmemory-policy noeviction, and write it into redis.conf: then writes fail "
                "visibly, and are repeated.",
            )


@examination("redis_memory", "Redis has memory left.", needs="redis")
def full_servers() -> Iterator[Finding]:
    for server in servers():
        memory = server.info("memory")
        limit, used = int(memory.get("maxmemory", 0)), int(memory.get("used_memory", 0))
        if limit and used * 100 >= limit * _FULL_PERCENT:
            yield Finding(
                what=f"Redis at {server.address} uses {used * 100 // limit} % of its maxmemory ({limit:,} bytes).",
                why="When it is full, publishing and starting stop until there is room.",
                remedy="Raise maxmemory, and look at `manage.py stats`: a long queue or a lagging journal fills it.",
            )


@examination("redis_persistence", "Redis keeps its data over a restart.", needs="redis")
def forgetful_servers() -> Iterator[Finding]:
    for server in servers():
        told = server.info("persistence")
        failed = [
            name
            for name in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
            if told.get(name, "ok") != "ok"
        ]
        if failed:
            yield Finding(
                what=f"Redis at {server.address} could not write to its disk: {', '.join(failed)}.",
                why="What it holds is lost when it stops, and it may refuse writes already.",
                remedy="Free disk space and look at its log.",
            )
        elif not told.get("aof_enabled"):
            yield Finding(
                what=f"Redis at {server.address} has no append-only file.",
                why="A restart forgets claims and outcomes that were not yet recorded: those jobs run again. No job is lost.",
                remedy="Set appendonly yes, appendfsync everysec.",
                level=Level.NOTE,
            )


@examination("quarantine", "Every journal entry could be applied.", needs="redis")
def quarantined_entries() -> Iterator[Finding]:
    client = connections.patient()
    count = client.xlen(journal.quarantine_key())
    if count:
        newest: Any = client.xrevrange(journal.quarantine_key(), count=1)
        problem = newest[0][1].get("problem", "") if newest else ""
        yield Finding(
            what=f"{count} journal entries lie in quarantine; the newest because: {problem[:200] or 'unknown'}",
            why="Their outcomes were recorded without a body, or not at all.",
            remedy=f"`manage.py verify` names jobs that are unaccounted for. XRANGE {journal.quarantine_key()} - + shows "
            f"the entries; DEL it once they are understood.",
        )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())
