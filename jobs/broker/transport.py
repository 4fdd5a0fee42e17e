"""Kombu's Redis transport for publishing: it keeps its client, since making one for each message costs more than sending it."""

from typing import Any

from kombu.transport import redis


class Channel(redis.Channel):
    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous)  # type: ignore[misc]  # not in kombu's stubs
        if self._kept is None:
            self._kept = super()._create_client()  # type: ignore[misc]  # the same
        return self._kept


class Transport(redis.Transport):
    Channel = Channel
