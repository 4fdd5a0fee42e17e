"""What this worker runs right now, as its parent process knows it."""

import threading
from dataclasses import dataclass

from jobs.broker.message import Delivery


@dataclass(frozen=True, slots=True)
class Entry:
    delivery: Delivery
    task: str
    worker: str
    pid: int
    started_ms: int

    @property
    def queued_ms(self) -> int | None:
        queued_at = self.delivery.queued_at
        return int(queued_at.timestamp() * 1000) if queued_at else None


_entries: dict[str, Entry] = {}
_lock = threading.Lock()


def add(entry: Entry) -> None:
    with _lock:
        _entries[entry.delivery.job_id] = entry


def remove(job_id: str) -> None:
    with _lock:
        _entries.pop(job_id, None)


def find(job_id: str, attempt: int) -> Entry | None:
    with _lock:
        entry = _entries.get(job_id)
    return entry if entry is not None and entry.delivery.attempt == attempt else None


def everyone() -> list[Entry]:
    with _lock:
        return list(_entries.values())
