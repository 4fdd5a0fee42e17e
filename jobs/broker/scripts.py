"""The Lua scripts beside this file, by name. A flushed script cache loads them again by itself."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import Any

import redis
from redis.commands.core import Script

from jobs.broker.line import Line


@cache
def _text(name: str) -> str:
    return (Path(__file__).parent / f"{name}.lua").read_text()


@cache
def _script(client: redis.Redis, name: str) -> Script:
    return Script(client, _text(name))


@cache
def _sha(name: str) -> str:
    return sha1(_text(name).encode(), usedforsecurity=False).hexdigest()


def call(client: redis.Redis | Line, name: str, *, keys: list[str], args: list[Any]) -> Any:
    if isinstance(client, Line):
        return client.evaluate(_sha(name), _text(name), keys, args)
    return _script(client, name)(keys=keys, args=args)


def call_all(line: Line, calls: Sequence[tuple[str, list[str], list[Any]]]) -> list[Any]:
    """Several, one after the other, in one exchange; an answer may be an error."""
    return line.evaluate_all([(_sha(name), _text(name), keys, args) for name, keys, args in calls])


def queue(pipeline: Any, client: redis.Redis, name: str, *, keys: list[str], args: list[Any]) -> None:
    """The same inside a pipeline, which loads a missing script before it runs."""
    _script(client, name)(keys=keys, args=args, client=pipeline)
