"""How long ended jobs are kept: one number for all, and exceptions by queue and state, of which the most specific holds."""

from collections.abc import Mapping

ANY = "*"


def keep_seconds(queue: str, state: str, *, usual: float | None, exceptions: Mapping[str, float]) -> float | None:
    """`exceptions` are by "queue/state", either of which may be `*`; a queue counts more than a state. None: for ever."""
    for key in (f"{queue}/{state}", f"{queue}/{ANY}", f"{ANY}/{state}"):
        if key in exceptions:
            return exceptions[key]
    return usual


def problem_with(key: str, seconds: object, *, states: frozenset[str]) -> str:
    """What is wrong with an exception; empty when nothing is."""
    queue, slash, state = key.partition("/")
    if not slash or not queue or (state != ANY and state not in states):
        return f'{key!r}: a key is "queue/state", either may be *, and the state is one of {", ".join(sorted(states))}'
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        return f"{key!r}: give a number of seconds, not {seconds!r}"
    return ""
