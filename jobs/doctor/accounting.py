"""How many jobs are on no way to an end: the checks of `verify` that find such jobs, made now and then by the leader.

What is in motion may look lost for a moment, so a job counts when two looks in a row found it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

import redis

from jobs import conf
from jobs.broker import connections
from jobs.keeper.duties import Duty
from jobs.verification import findings, verifying  # noqa: F401  (verifying registers the checks)

_MOST = 1_000  # counted for each check; more than that are many


@dataclass(slots=True)
class Accountant:
    _suspects: frozenset[str] = field(default=frozenset(), init=False)

    def run_once(self, now: datetime) -> int:
        checks = [check for check in findings.every() if check.unaccounted]
        suspects = frozenset(finding.object for check in checks for finding in islice(check.find(), _MOST))
        stuck = len(suspects & self._suspects)
        self._suspects = suspects
        kept = int(4 * conf.current().ACCOUNT_SECONDS) + 1
        connections.patient().set(_key(), json.dumps({"at": now.isoformat(), "jobs": stuck}), ex=kept)
        return stuck


def make() -> Iterable[Duty]:
    return [Duty("account", Accountant().run_once, conf.current().ACCOUNT_SECONDS)]


def read_unaccounted(client: redis.Redis) -> int | None:
    """None: nobody has looked lately."""
    text = client.get(_key())
    return int(json.loads(str(text))["jobs"]) if text else None


def _key() -> str:
    return connections.key("unaccounted")
