"""Reads the journal and records it: many entries, one transaction, then acknowledge and delete.

What can't be applied is applied without its body and kept in the quarantine; nothing blocks the rest.
"""

import logging
import os
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import redis
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, transaction
from django.db import connections as connections_to_sql
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from jobs import conf, phases, tracing
from jobs.broker import connections, journal
from jobs.broker.journal import Line
from jobs.domain.journal import Adopted, Ended, Entry, Failure, Progressed
from jobs.intake import adopting
from jobs.lifecycle import recording
from jobs.lifecycle.applying import JobEntry

logger = logging.getLogger(__name__)

_Outage = (DatabaseError, InterfaceError, RedisError, KombuError, OSError)


_BUSY_FROM = 20  # entries in the last batch
_OFTEN_ON_A_SERVER = 4  # nobody else waits for a long transaction there, and an entry costs less in one


@dataclass(slots=True)
class Recorder:
    """One reader of the consumer group."""

    name: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}")
    _looked_back: float = field(default=float("-inf"), init=False)
    _left_off: bool = field(default=False, init=False)
    _is_busy: bool = field(default=False, init=False)
    _read_at: float = field(default=float("-inf"), init=False)

    def run_once(self, *, block_ms: int | None = None) -> int:
        """Record what there is; waits up to `block_ms` for the first entry. Returns how many entries were settled."""
        client = connections.patient()
        lines = self._read(client, block_ms=block_ms)
        if lines:
            self._left_off = True
            record(client, lines)
        self._left_off = False
        return len(lines)

    def drain(self) -> int:
        """Record until there is nothing left: for tests and for a keeper that ends."""
        total = 0
        while count := self.run_once():
            total += count
        return total

    def _read(self, client: redis.Redis, *, block_ms: int | None) -> list[Line]:
        settings, size = conf.current(), _batch_size()
        if self._left_off:
            left = journal.read_again(client, reader=self.name, count=size)
            if left:
                return left
        if time.monotonic() - self._looked_back >= 1.0:
            left = journal.take_over(
                client,
                reader=self.name,
                idle_ms=int(settings.TAKE_OVER_SECONDS * 1000),
                count=size,
            )
            if left:
                return left
            self._looked_back = time.monotonic()
        lines = journal.read(client, reader=self.name, count=size, block_ms=block_ms)
        if lines and block_ms is not None and len(lines) < size:
            time.sleep(self._linger_seconds())
            lines += journal.read(client, reader=self.name, count=size - len(lines), block_ms=None)
        self._is_busy, self._read_at = len(lines) >= _BUSY_FROM, time.monotonic()
        return lines

    def _linger_seconds(self) -> float:
        """Under load a batch every so often: what the last one took counts, since entries have waited for it."""
        if not self._is_busy:
            return conf.current().RECORD_LINGER_SECONDS
        return max(0.0, conf.current().RECORD_LINGER_BUSY_SECONDS - (time.monotonic() - self._read_at))

    def look_back_now(self) -> None:
        self._looked_back = float("-inf")


def _batch_size() -> int:
    is_shared = connections_to_sql[recording.database()].vendor == "sqlite"
    return conf.current().RECORD_BATCH_SIZE * (1 if is_shared else _OFTEN_ON_A_SERVER)


def record(client: redis.Redis, lines: Sequence[Line]) -> None:
    """Apply and settle. When the batch as a whole can't be applied, every job of it is tried on its own."""
    readable = [line for line in lines if line.entry is not None]
    for line in lines:
        if line.entry is None:
            _quarantine(client, line, line.problem)
    try:
        over = _apply(client, readable)
    except Exception as error:  # noqa: BLE001  (whatever one entry makes a receiver raise must not stop all others)
        _raise_outage(error)
        logger.warning(
            "A batch of %d entries could not be recorded at once (%s): one by one now.", len(readable), error
        )
        over = [claim for group in _by_job(readable) for claim in _apply_alone(client, group)]
    journal.settle(client, ids=[line.id for line in lines], closed=over)


def _apply(client: redis.Redis, lines: Sequence[Line]) -> list[tuple[object, int]]:
    entries: list[JobEntry] = []
    adopted: list[Adopted] = []
    for line in lines:
        if isinstance(line.entry, Adopted):
            adopted.append(line.entry)
        elif line.entry is not None:
            entries.append(line.entry)
    with transaction.atomic(using=recording.database()):
        if adopted:
            adopting.adopt(adopted)
        recorded = recording.record(entries) if entries else recording.Recorded()
    if phases.are_told():
        _tell(recorded)
    orphans = {id(entry) for entry in recorded.orphans}
    for line in lines:
        if id(line.entry) in orphans:
            _quarantine(client, line, "no job has this id: it was pruned, or SQL was restored from a backup")
    return recorded.over


def _tell(recorded: recording.Recorded) -> None:
    for case in recorded.cases:
        if case.moved:
            phases.tell(
                "recorded",
                job_id=case.job.id,
                task=case.job.task,
                attempt=case.job.attempt,
                queue=case.job.queue,
                state=str(case.job.state),
                correlation_id=case.job.correlation_id,
                traceparent=tracing.of_options(case.job.options).get("traceparent", ""),
            )


def _apply_alone(client: redis.Redis, lines: Sequence[Line]) -> list[tuple[object, int]]:
    try:
        return _apply(client, lines)
    except Exception as error:  # noqa: BLE001  (as above)
        _raise_outage(error)
        for line in lines:
            _quarantine(client, line, f"{type(error).__name__}: {error}")
        reason = f"What the attempt left could not be stored ({type(error).__name__}); it is kept in the quarantine."
    try:
        return _apply(client, [replace(line, entry=_without_body(line, reason)) for line in lines])
    except Exception as error:
        _raise_outage(error)
        logger.exception(
            "Entries of job %s can't be recorded at all; they are in the quarantine.", lines[0].fields["j"]
        )
        return []


def _raise_outage(error: Exception) -> None:
    """What is the database's or Redis' fault for now is tried again; what an entry itself causes is not."""
    if isinstance(error, _Outage) and not isinstance(error, DataError | IntegrityError):
        raise error


def _without_body(line: Line, reason: str) -> Entry | None:
    if isinstance(line.entry, Progressed):
        return None  # its text may be what can't be stored
    if not isinstance(line.entry, Ended):
        return line.entry
    return replace(line.entry, result=None, log="", failure=Failure(type="NotRecorded", message=reason))


def _by_job(lines: Sequence[Line]) -> list[list[Line]]:
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.fields.get("j", ""), []).append(line)
    return list(groups.values())


def _quarantine(client: redis.Redis, line: Line, problem: str) -> None:
    logger.error("Journal entry %s is kept in the quarantine: %s", line.id, problem)
    journal.quarantine(client, line, problem=problem)
