"""What befalls the stack during a drill: one thing every few seconds, drawn from a seed."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from jobs.broker import connections
from taskqueue_project.drill.victims import Victim, Victims

PAUSE_SECONDS = (1.0, 4.0)  # shorter than the silence after which a worker is given up
# Most deaths in real life are those of single processes.
WEIGHTS = {"child": 14, "worker": 4, "keeper": 2, "redis": 2, "flush": 2, "pause redis": 2, "pause worker": 1}
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Blow:
    """One thing that was done, and whom it killed."""

    kind: str
    at: datetime
    pids: frozenset[int] = frozenset()

    @property
    def is_kill(self) -> bool:
        return bool(self.pids)


@dataclass(slots=True)
class Hazards:
    victims: Victims
    random: Random
    dealt: list[Blow] = field(default_factory=list)
    _frozen: dict[int, float] = field(default_factory=dict)

    def strike(self) -> Blow | None:
        """Do one thing; None when no victim is there just now."""
        for _ in range(_TRIES):
            blow = self._draw()
            if blow is not None:
                self.dealt.append(blow)
                return blow
        return None

    def _draw(self) -> Blow | None:
        [kind] = self.random.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))
        deeds: dict[str, Callable[[], Blow | None]] = {
            "child": lambda: self._kill(self.victims.child()),
            "worker": lambda: self._kill(self.victims.worker()),
            "keeper": lambda: self._kill(self.victims.keeper()),
            "redis": lambda: self._kill(self.victims.redis()),
            "flush": self._flush,
            "pause redis": lambda: self._pause("pause redis", self.victims.redis()),
            "pause worker": lambda: self._pause("pause worker", self.victims.worker()),
        }
        return deeds[kind]()

    def thaw(self, *, all_of_them: bool = False) -> None:
        """Let go on whose pause is over."""
        for pid, until in list(self._frozen.items()):
            if all_of_them or time.monotonic() >= until:
                del self._frozen[pid]
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def counts(self) -> Counter[str]:
        return Counter(blow.kind for blow in self.dealt)

    def _kill(self, victim: Victim | None) -> Blow | None:
        if victim is None:
            return None
        try:
            os.kill(victim.pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        self._frozen.pop(victim.pid, None)
        return Blow(victim.kind, datetime.now(UTC), victim.pids)

    def _pause(self, kind: str, victim: Victim | None) -> Blow | None:
        if victim is None or victim.pid in self._frozen:
            return None
        with suppress(ProcessLookupError):
            os.kill(victim.pid, signal.SIGSTOP)
        self._frozen[victim.pid] = time.monotonic() + self.random.uniform(*PAUSE_SECONDS)
        return Blow(kind, datetime.now(UTC))

    def _flush(self) -> Blow | None:
        try:
            connections.hasty().flushall()
        except connections.Unavailable:
            return None
        return Blow("flush", datetime.now(UTC))
