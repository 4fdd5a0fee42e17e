"""The clocks: this machine's, that of Redis, by which events are stamped, and the database's."""

import time
from collections.abc import Iterator

from jobs.broker import connections
from jobs.doctor import sql
from jobs.doctor.findings import Finding, examination

TOLERATED_SECONDS = 2.0

_WHY = (
    "Delays, expiries, ages and rates are off by that much. No job is lost or run twice by it: claims and fences do not "
    "ask clocks."
)
_REMEDY = "Let all machines follow the same time server (chrony, systemd-timesyncd)."


@examination("redis_clock", "This machine and Redis agree on the time.", needs="redis")
def redis_clock_is_off() -> Iterator[Finding]:
    client = connections.patient()
    before = time.time()
    ahead = connections.redis_ms(client) / 1000 - (before + time.time()) / 2
    yield from _complain("Redis", ahead)


@examination("database_clock", "This machine and the database agree on the time.", needs="database")
def database_clock_is_off() -> Iterator[Finding]:
    yield from _complain("The database", sql.ahead_seconds() or 0.0)


def _complain(whose: str, ahead: float) -> Iterator[Finding]:
    if abs(ahead) > TOLERATED_SECONDS:
        where = "ahead of" if ahead > 0 else "behind"
        yield Finding(what=f"{whose} is {abs(ahead):.1f} s {where} this machine.", why=_WHY, remedy=_REMEDY)
