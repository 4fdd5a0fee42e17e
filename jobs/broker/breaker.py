"""A breaker: after a failure nobody tries again for a few seconds, so that a dead Redis costs one timeout, not many."""

import threading
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Breaker:
    rest_seconds: float
    _open_until: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def is_open(self) -> bool:
        with self._lock:
            return time.monotonic() < self._open_until

    def trip(self) -> None:
        with self._lock:
            self._open_until = time.monotonic() + self.rest_seconds

    def reset(self) -> None:
        with self._lock:
            self._open_until = 0.0
