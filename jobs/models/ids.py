"""UUIDv7: ids that sort by the time they were made, strictly so within one process."""

import os
import threading
import time
import uuid
from datetime import datetime

_lock = threading.Lock()
_last = 0


def uuid7() -> uuid.UUID:
    """48 bits of milliseconds, 12 bits below them, 62 random ones (RFC 9562, method 3)."""
    global _last  # noqa: PLW0603  (one counter per process is the point)
    with _lock:
        stamp = max(_last + 1, time.time_ns() * 4096 // 1_000_000)
        _last = stamp
    milliseconds, fraction = divmod(stamp, 4096)
    random = int.from_bytes(os.urandom(8)) >> 2
    return uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | random)


def lowest_at(moment: datetime) -> uuid.UUID:
    """No id made at that moment or later is lower."""
    milliseconds = max(0, int(moment.timestamp() * 1000))
    return uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (0b10 << 62))
