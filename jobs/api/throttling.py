"""How many requests a user or token may make in a minute, counted in Redis; with Redis away everybody is let through."""

import time

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from jobs import conf
from jobs.broker import connections
from jobs.broker.breaker import Breaker
from jobs.models import ApiToken

_WINDOW_SECONDS = 60
_breaker = Breaker(rest_seconds=5.0)


class RequestsPerMinute(BaseThrottle):
    def allow_request(self, request: Request, view: APIView) -> bool:
        limit = conf.current().REQUESTS_PER_MINUTE
        return not limit or _count(_whose(request), now=time.time()) <= limit

    def wait(self) -> float:
        return _WINDOW_SECONDS - time.time() % _WINDOW_SECONDS


def _whose(request: Request) -> str:
    if isinstance(request.auth, ApiToken):
        return f"token:{request.auth.pk}"
    return f"user:{request.user.get_username()}"


def _count(whose: str, *, now: float) -> int:
    """Requests in this minute, this one included; 0 when Redis can't say."""
    if _breaker.is_open():
        return 0
    key = connections.key("requests", whose, int(now // _WINDOW_SECONDS))
    try:
        with connections.hasty().pipeline(transaction=False) as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, 2 * _WINDOW_SECONDS)
            return int(pipeline.execute()[0])
    except connections.Unavailable:
        _breaker.trip()
        return 0
