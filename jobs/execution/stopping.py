"""Stops running jobs that were cancelled: a thread in the worker's parent hears the order, the event loop kills the child."""

import logging
import os
import signal
import threading
from typing import Any

import redis

from jobs.broker import connections, mirror
from jobs.domain.journal import Failure
from jobs.domain.states import Outcome
from jobs.execution import endings, roster

logger = logging.getLogger(__name__)


class Listener(threading.Thread):
    def __init__(self, worker: Any) -> None:
        super().__init__(name="tally-listener", daemon=True)
        self.worker = worker
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen(connections.patient())
            except connections.Unavailable:
                self._stopping.wait(1.0)  # the heart has said that Redis is away; the keeper repeats the order

    def stop(self) -> None:
        self._stopping.set()

    def _listen(self, client: redis.Redis) -> None:
        with client.pubsub(ignore_subscribe_messages=True) as orders:  # type: ignore[no-untyped-call]
            orders.subscribe(connections.key(mirror.ORDERS))
            while not self._stopping.is_set():
                received = orders.get_message(timeout=1.0)
                if received is not None:
                    job_id, attempt = mirror.read_order(received)
                    self.stop_attempt(client, job_id, attempt)

    def stop_attempt(self, client: redis.Redis, job_id: str, attempt: int) -> None:
        """Close the attempt as cancelled, then kill its process: a success that was faster stays a success."""
        entry = roster.find(job_id, attempt)
        if entry is None or entry.pid == os.getpid():
            return  # not ours, or run by this very process: its code may ask `check_cancelled()`
        failure = Failure("Cancelled", "The job was cancelled while this attempt ran.")
        if endings.close(entry, Outcome.CANCELLED, failure)(client):
            self.worker.consumer.call_soon(_kill, entry)


def _kill(entry: roster.Entry) -> None:
    """In the event loop, which alone gives a child its next job: the child still has this one, or it is not in the roster."""
    if roster.find(entry.delivery.job_id, entry.delivery.attempt) != entry:
        return
    logger.info("Job %s was cancelled: process %s is stopped.", entry.delivery.job_id, entry.pid)
    try:
        os.kill(entry.pid, signal.SIGKILL)
    except ProcessLookupError:
        logger.debug("process %s has ended by itself", entry.pid)
