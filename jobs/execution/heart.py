"""The worker's heart, a thread in its parent: beats, renews claims, carries what the parent has to say, looks at pauses."""

import logging
import os
import resource
import socket
import threading
import time
from typing import Any

from jobs import conf
from jobs.broker import claims, connections, heartbeats
from jobs.broker.heartbeats import Beat
from jobs.domain.journal import Executor
from jobs.execution import board, endings, identity, pausing, roster

logger = logging.getLogger(__name__)


class Heart(threading.Thread):
    def __init__(self, worker: Any) -> None:
        super().__init__(name="tally-heart", daemon=True)
        self.worker = worker
        self.started_ms = int(time.time() * 1000)
        self.is_well = True
        self._listed: set[str] = set()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        endings.on_word(self._wake.set)

    def run(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            self._wake.clear()
            if time.monotonic() >= due:
                self.try_to(self.beat)
                due = time.monotonic() + conf.current().BEAT_SECONDS
            said = self.try_to(self.carry)
            self._wake.wait(max(0.0, due - time.monotonic()) if said else 0.2)

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self.is_alive():
            self.join(timeout=5)

    def wait_a_moment(self) -> None:
        """Between two tries at the first beat."""
        self._stopping.wait(1.0)

    def beat(self) -> None:
        client = connections.patient()
        now_ms = connections.redis_ms(client)
        counter = identity.beats.value + 1
        running = roster.everyone()
        with client.pipeline(transaction=False) as pipeline:
            heartbeats.write(pipeline, self._describe(counter, now_ms, running))
            for entry in self._seen_twice(running):
                claims.renew(
                    pipeline,
                    client,
                    job_id=entry.delivery.job_id,
                    attempt=entry.delivery.attempt,
                    by=Executor(entry.worker, identity.incarnation, entry.pid, counter),
                    started_ms=entry.started_ms,
                    queued_ms=entry.queued_ms,
                )
            pausing.queue_look(pipeline)
            *_, paused = pipeline.execute()
        identity.beats.value = counter
        self._listed = {_name(entry) for entry in running}
        pausing.follow(self.worker.consumer, paused)

    def _seen_twice(self, running: list[roster.Entry]) -> list[roster.Entry]:
        """A process that was given something may still find that it must not start: a renewed claim would say it had."""
        return [entry for entry in running if _name(entry) in self._listed]

    def carry(self) -> None:
        if endings.outbox:
            endings.carry(connections.patient())

    def try_to(self, act: Any) -> bool:
        try:
            act()
        except connections.Unavailable as error:
            if self.is_well:
                logger.warning("Redis is away (%s): this worker goes on and reports when it is back.", error)
            self.is_well = False
            return False
        if not self.is_well:
            logger.warning("Redis is back.")
        self.is_well = True
        return True

    def _describe(self, counter: int, now_ms: int, running: list[roster.Entry]) -> Beat:
        return Beat(
            incarnation=identity.incarnation,
            counter=counter,
            at_ms=now_ms,
            name=self.worker.hostname,
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=tuple(sorted(pausing.asked_for)),
            concurrency=self.worker.concurrency,
            version=conf.release(),
            started_ms=self.started_ms,
            rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            running=tuple((e.delivery.job_id, e.delivery.attempt, e.task) for e in running),
            host_ms=int(time.time() * 1000),
            is_quiet=pausing.is_quiet(),
        )


def _name(entry: roster.Entry) -> str:
    return board.name_of(entry.delivery.job_id, entry.delivery.attempt)
