"""What a Celery worker gets on top: the heart, the ear for orders, a quick eye for dead children, no message dropped."""

import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from celery import bootsteps
from celery.signals import worker_process_init

from jobs import conf
from jobs.broker import connections, heartbeats
from jobs.domain.states import Outcome
from jobs.execution import endings, identity, pausing, permits, roster, strangers
from jobs.execution import orders as _orders  # noqa: F401  (Celery knows commands once they are imported)
from jobs.execution.heart import Heart
from jobs.execution.stopping import Listener

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
STUBBORN_SECONDS = 2.0  # after the soft shutdown: what has not exited by then never will


class Life(bootsteps.StartStopStep):
    """Before the first message is taken: ask for pauses, beat once, then go on beating."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **_options: Any) -> None:
        super().__init__(worker)
        identity.renew()  # before the pool forks: the children sign with what the heart beats under
        self.worker = worker
        self.heart: Heart | None = None
        self.listener: Listener | None = None
        # A cold shutdown begins with this; Celery's signal for it comes when all is over.
        worker.wait_for_soft_shutdown = _one_after_the_other(self.limit_shutdown, worker.wait_for_soft_shutdown)
        # The one moment that warm and cold shutdowns share: every step has stopped, the pool is gone.
        worker.blueprint.on_stopped = _one_after_the_other(self.end, worker.blueprint.on_stopped)

    def start(self, worker: Any) -> None:
        pausing.start(worker.app)
        permits.start(worker)
        self.heart, self.listener = Heart(worker), Listener(worker)
        while not self.heart.try_to(self.heart.beat):
            self.heart.wait_a_moment()
        self.heart.start()
        self.listener.start()

    def register_with_event_loop(self, worker: Any, hub: Any) -> None:
        """Look for dead children twice a second; Celery does it every five."""
        maintain = getattr(worker.pool, "maintain_pool", None)
        if maintain is not None and worker.pool.is_green is False:
            hub.call_repeatedly(conf.current().MAINTAIN_POOL_SECONDS, maintain)
            hub.call_repeatedly(conf.current().MAINTAIN_POOL_SECONDS, permits.renew, worker)

    def limit_shutdown(self) -> None:
        """After the soft shutdown the processes are told to exit; one that won't listen would be waited for without end."""
        soft_seconds = self.worker.app.conf.worker_soft_shutdown_timeout
        executioner = threading.Timer(soft_seconds + STUBBORN_SECONDS, _kill_all, [self.worker.pool])
        executioner.daemon = True
        executioner.start()

    def end(self) -> None:
        """The pool is gone: whatever it still had was interrupted. Say so, and take the name off the list."""
        for thread in (self.listener, self.heart):
            if thread is not None:
                thread.stop()
        for entry in roster.everyone():
            endings.say(endings.close(entry, Outcome.INTERRUPTED, endings.INTERRUPTED))
        try:
            endings.carry(connections.patient())
            heartbeats.remove(connections.patient(), identity.incarnation)
        except connections.Unavailable as error:
            logger.warning("Redis is away (%s): the keeper will find what this worker ran.", error)


class Strangers(bootsteps.Step):
    """Messages that can't be run here are taken over instead of deleted."""

    def __init__(self, consumer: Any, **_options: Any) -> None:
        strangers.watch(consumer)
        super().__init__(consumer)


def _one_after_the_other(*calls: Callable[[], object]) -> Callable[[], None]:
    def call_all() -> None:
        for call in calls:
            call()

    return call_all


def _kill_all(pool: Any) -> None:
    for pid in (pool.info or {}).get("processes", ()):
        if pid != os.getpid():  # the solo pool names this very process
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@worker_process_init.connect
def _die_with_parent(**_kwargs: Any) -> None:
    """A killed parent takes its children along (Linux only), so that no orphan runs on beside the next attempt."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
