"""Which keeper sees to everything but recording: the one that holds the lease."""

import secrets
import time
from dataclasses import dataclass, field

import redis

from jobs import conf
from jobs.broker import leases

LEASE = "keeper"


@dataclass(slots=True)
class Leader:
    me: str = field(default_factory=lambda: secrets.token_hex(8))
    is_leading: bool = field(default=False, init=False)
    _renew_at: float = field(default=0.0, init=False)

    def hold(self, client: redis.Redis) -> bool:
        """Take or renew the lease, five times in its length; a failure in between means that it is not held."""
        if self.is_leading and time.monotonic() < self._renew_at:
            return True
        self.is_leading = False
        seconds = conf.current().LEADER_LEASE_SECONDS
        self.is_leading = leases.hold(client, LEASE, holder=self.me, seconds=seconds)
        self._renew_at = time.monotonic() + seconds / 5
        return self.is_leading

    def resign(self, client: redis.Redis) -> None:
        leases.release(client, LEASE, holder=self.me)
        self.is_leading = False
