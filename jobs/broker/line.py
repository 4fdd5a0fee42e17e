"""A worker's own line to the journal's Redis: one connection of one thread, without the pool and its bookkeeping.

Two calls a job go over it, and half of what redis-py spends on a call is spent around the connection. A line that breaks is
never mended: whoever asked learns of it, and the next one is a new connection, which may be to a server that forgot.
"""

import os
import threading
from collections.abc import Sequence
from typing import Any

from hiredis import pack_command  # what redis-py does to get there costs as much again
from redis.exceptions import NoScriptError, ResponseError

from jobs.broker import connections


class Line:
    def __init__(self) -> None:
        connection: Any = connections.patient().connection_pool.make_connection()
        connection.connect()
        self._connection = connection
        self.is_broken = False

    def evaluate(self, sha: str, text: str, keys: list[str], args: list[Any]) -> Any:
        """Run a script; a server that does not know it is taught."""
        try:
            return self._ask("EVALSHA", sha, len(keys), *keys, *args)
        except NoScriptError:
            return self._ask("EVAL", text, len(keys), *keys, *args)

    def evaluate_all(self, calls: Sequence[tuple[str, str, list[str], list[Any]]]) -> list[Any]:
        """Run scripts one after the other, all sent before the first answer is read. An answer may be an error."""
        commands = [("EVALSHA", sha, len(keys), *keys, *args) for sha, _, keys, args in calls]
        answers = self._exchange(commands)
        return [
            self._exchange([("EVAL", text, len(keys), *keys, *args)])[0]
            if isinstance(answer, NoScriptError)
            else answer
            for answer, (_, text, keys, args) in zip(answers, calls, strict=True)
        ]

    def _exchange(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        try:
            self._connection.send_packed_command([b"".join(map(pack_command, commands))])
            return [self._read() for _ in commands]
        except BaseException:  # as below
            self.is_broken = True
            self._connection.disconnect()
            raise

    def _read(self) -> Any:
        try:
            return self._connection.read_response()
        except ResponseError as error:
            return error

    def _ask(self, *command: Any) -> Any:
        try:
            self._connection.send_command(*command)
            return self._connection.read_response()
        except NoScriptError:
            raise
        except BaseException:  # a time limit that strikes in between too: the answer must not reach the next question
            self.is_broken = True
            self._connection.disconnect()
            raise


class _Lines(threading.local):
    line: Line | None = None
    owner: int = 0
    pool: Any = None


_lines = _Lines()


def mine() -> Line:
    """This thread's, connected; a forked child, a changed address or a broken one makes a new one."""
    pool = connections.patient().connection_pool
    line = _lines.line
    if line is None or line.is_broken or _lines.owner != os.getpid() or _lines.pool is not pool:
        _lines.line = line = Line()
        _lines.owner, _lines.pool = os.getpid(), pool
    return line
