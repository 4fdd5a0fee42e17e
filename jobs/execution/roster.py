"""What this worker runs right now, as its parent process knows it."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from jobs.broker import message
from jobs.broker.message import Delivery
from jobs.execution import board


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
_held: set[str] = set()  # not known yet whether they may start
_lock = threading.Lock()


def add(entry: Entry) -> None:
    with _lock:
        _entries[entry.delivery.job_id] = entry


def remove(job_id: str) -> None:
    with _lock:
        _entries.pop(job_id, None)
        _held.discard(job_id)


def hold(job_id: str) -> None:
    with _lock:
        _held.add(job_id)


def let_go(job_id: str) -> None:
    with _lock:
        _held.discard(job_id)


def find(job_id: str, attempt: int) -> Entry | None:
    return next((e for e in everyone() if (e.delivery.job_id, e.delivery.attempt) == (job_id, attempt)), None)


def everyone() -> list[Entry]:
    """What the processes run that were given something: that, or what they took themselves since."""
    with _lock:
        given = [entry for job_id, entry in _entries.items() if job_id not in _held]
    taken = board.instead()
    running = [_instead_of(entry, taken) for entry in given]
    return [entry for entry in running if entry is not None]


def now_instead_of(job_id: str, attempt: int) -> Entry | None:
    """What the process that was given this attempt runs by now."""
    with _lock:
        entry = _entries.get(job_id) if job_id not in _held else None
    if entry is None or entry.delivery.attempt != attempt:
        return None
    return _instead_of(entry, board.instead())


def _instead_of(entry: Entry, taken: Mapping[tuple[str, int], board.Run | None]) -> Entry | None:
    given = board.name_of(entry.delivery.job_id, entry.delivery.attempt), entry.pid
    if given not in taken:
        return entry
    run = taken[given]
    headers = json.loads(run.sent)["headers"] if run else {}
    delivery = message.read(headers)
    if run is None or delivery is None:
        return None
    return Entry(delivery, headers["task"], worker=run.worker, pid=run.pid, started_ms=run.since_ms)
