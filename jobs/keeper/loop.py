"""The keeper's two threads: one records the journal, one sees to the duties of the leader. Neither ends on an outage."""

import gc
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import Error as DatabaseError
from django.db import connections as django_connections
from django.utils import timezone
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from jobs import conf
from jobs.broker import connections, journal
from jobs.keeper import dispatcher, duties, releases, republisher, sampler, withdrawer
from jobs.keeper.duties import Duty
from jobs.keeper.leader import Leader
from jobs.keeper.pruner import Pruner
from jobs.keeper.recorder import Recorder
from jobs.keeper.rescuer import Rescuer

logger = logging.getLogger(__name__)

Outage = (DatabaseError, RedisError, KombuError, OSError)

_REST_SECONDS = 1.0


@dataclass(slots=True)
class Keeper:
    recorder: Recorder = field(default_factory=Recorder)
    leader: Leader = field(default_factory=Leader)
    rescuer: Rescuer = field(default_factory=Rescuer)
    pruner: Pruner = field(default_factory=Pruner)
    stopping: threading.Event = field(default_factory=threading.Event)
    _troubles: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Until `stopping` is set; what was read is recorded before it returns."""
        gc.freeze()  # a batch makes enough objects for Python to search all that was imported for garbage, each time
        journal_thread = threading.Thread(target=self._record_forever, name="tally-recorder")
        journal_thread.start()
        try:
            self._lead_forever()
        finally:
            self.stopping.set()
            journal_thread.join()

    def duties(self) -> list[Duty]:
        settings = conf.current()
        return [
            Duty("dispatch", dispatcher.dispatch, settings.DISPATCH_SECONDS),
            Duty("cancel", withdrawer.cancel_again, settings.DUTY_SECONDS),
            Duty("expire", withdrawer.expire, settings.DUTY_SECONDS),
            Duty("rescue", self.rescuer.run_once, settings.DUTY_SECONDS),
            Duty("republish", republisher.republish, settings.DUTY_SECONDS),
            Duty("sample", sampler.sample, settings.DUTY_SECONDS),
            Duty("mark the release", releases.mark, settings.PRUNE_SECONDS),
            Duty("prune", self.pruner.run_once, settings.DISPATCH_SECONDS),
            *duties.added(),
        ]

    def _record_forever(self) -> None:
        self._until_opened()
        while not self.stopping.is_set():
            if self._try("record", lambda: self.recorder.run_once(block_ms=500)):
                self.stopping.wait(conf.current().RECORD_PAUSE_SECONDS)
        self._try("record", self.recorder.run_once)
        django_connections.close_all()

    def _until_opened(self) -> None:
        while not self.stopping.is_set() and not self._try(
            "open the journal", lambda: journal.open_group(connections.patient())
        ):
            pass

    def _lead_forever(self) -> None:
        mine = self.duties()
        while not self.stopping.is_set():
            was_leading = self.leader.is_leading
            if not self._try("lead", lambda: self.leader.hold(connections.patient())):
                self.rescuer.start_over()
                continue
            if self.leader.is_leading and not was_leading:
                self.rescuer.start_over()
                logger.info("This keeper leads now.")
            if self.leader.is_leading:
                self._do_what_is_due(mine)
            self.stopping.wait(conf.current().DISPATCH_SECONDS if self.leader.is_leading else 1.0)
        self._try("resign", lambda: self.leader.resign(connections.patient()))
        django_connections.close_all()

    def _do_what_is_due(self, mine: list[Duty]) -> None:
        for duty in mine:
            if time.monotonic() >= duty.due and not self.stopping.is_set():
                duty.due = time.monotonic() + duty.every_seconds
                if not self._try(duty.name, lambda duty=duty: duty.act(timezone.now())):  # type: ignore[misc]
                    self.rescuer.start_over()

    def _try(self, name: str, act: Callable[[], object]) -> bool:
        """Do it; an outage is said once, when it begins and when it ends."""
        try:
            act()
        except Outage as error:
            if name not in self._troubles:
                logger.warning("The keeper can't %s now (%s: %s); it tries on.", name, type(error).__name__, error)
            self._troubles.add(name)
            self.recorder.look_back_now()
            django_connections.close_all()
            self.stopping.wait(_REST_SECONDS)
            return False
        if name in self._troubles:
            self._troubles.discard(name)
            logger.warning("The keeper can %s again.", name)
        return True
