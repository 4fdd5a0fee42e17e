"""A connection to the broker that messages leave by. It reads Redis' answer before it sends again, not at once.

Waiting for the answer is most of what one message costs, and nobody is told it: the row stands whatever Redis says.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from celery import Celery
from hiredis import pack_command
from kombu import Connection
from redis.exceptions import RedisError

from jobs import conf


def connect(app: Celery) -> Connection:
    """To the broker; a failure is quick and is not tried again."""
    timeout = conf.current().PUBLISH_TIMEOUT_SECONDS
    options: dict[str, Any] = {
        **(app.conf.broker_transport_options or {}),
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "max_retries": 0,
    }
    return Connection(app.conf.broker_write_url or app.conf.broker_url, transport="redis", transport_options=options)


class Sender:
    """Used by one thread at a time, in the process that made it."""

    def __init__(self, app: Celery) -> None:
        self._connection = connect(app)  # kombu reads the address: TLS, a password, a socket's path
        # Not .channel(): kombu would try twice there, with two seconds between.
        channel: Any = self._connection.default_channel
        self._prefix = channel.global_keyprefix
        self._line = channel.client.connection_pool.get_connection()
        self._unanswered: list[int] = []
        self.owner = os.getpid()

    @property
    def unanswered(self) -> int:
        """Messages that were sent, and of which Redis has not said yet that it took them."""
        return sum(self._unanswered)

    def send(self, messages: Mapping[str, Sequence[str]]) -> None:
        """Put messages on their queues, each queue's in order."""
        self.settle()
        commands = [("LPUSH", self._prefix + queue, *texts) for queue, texts in messages.items()]
        self._unanswered += [len(texts) for texts in messages.values()]
        # No health check: it would read an answer.
        self._line.send_packed_command([pack_command(command) for command in commands], check_health=False)

    def settle(self) -> None:
        """Read what Redis has to say about what was sent. Raises when it refused, is silent, or is gone."""
        while self._unanswered:
            self._line.read_response()
            self._unanswered.pop(0)

    def is_closed(self) -> bool:
        """Whether Redis has hung up. Asked when it owes no answer: then nothing is lost by using another."""
        try:
            return bool(self._line.can_read())
        except RedisError:
            return True

    def hang_up(self) -> None:
        self._connection.release()
