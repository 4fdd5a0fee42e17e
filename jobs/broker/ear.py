"""A process' own connection to the queues, on which it waits for a message. One that breaks is never mended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from jobs.broker import connections


@dataclass(frozen=True, slots=True)
class Popped:
    """A message that has left its queue, as it lay there; nobody's yet."""

    queue: bytes
    item: bytes


class Ear:
    def __init__(self, database: int) -> None:
        """On the journal's server, which has the queues too."""
        pool: Any = connections.patient().connection_pool
        self._connection = pool.connection_class(
            **{**pool.connection_kwargs, "db": database, "decode_responses": False}
        )
        self._connection.connect()

    def pop(self, queues: Sequence[str], *, seconds: float) -> Popped | None:
        """The next message of the first queue that has one; None when none comes in time."""
        try:
            self._connection.send_command("BRPOP", *queues, max(seconds, 0.01))  # 0 would be for ever
            answer = self._connection.read_response()
        except BaseException:  # being told to exit too: the answer must not reach the next question
            self.close()
            raise
        return Popped(*answer) if answer else None

    def is_closed(self) -> bool:
        """Whether Redis has hung up, as it may when nobody listened for long."""
        try:
            return bool(self._connection.can_read())
        except RedisError:
            return True

    def close(self) -> None:
        self._connection.disconnect()
