"""A lease in Redis: one holder at a time, until it stops renewing. Two holders by accident do no harm."""

import redis

from jobs.broker import connections

_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


def hold(client: redis.Redis, name: str, *, holder: str, seconds: float) -> bool:
    """Take the lease, or renew it if it is ours."""
    key, milliseconds = connections.key("lease", name), int(seconds * 1000)
    if client.set(key, holder, nx=True, px=milliseconds):
        return True
    return bool(client.eval(_RENEW, 1, key, holder, str(milliseconds)))


def release(client: redis.Redis, name: str, *, holder: str) -> None:
    client.eval(_RELEASE, 1, connections.key("lease", name), holder)


def holder_of(client: redis.Redis, name: str) -> str | None:
    return client.get(connections.key("lease", name))  # type: ignore[return-value]
