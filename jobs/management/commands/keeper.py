"""`manage.py keeper`: the process that records the journal and puts right what a crash left behind."""

import logging
import signal
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from jobs.doctor import accounting
from jobs.keeper import duties
from jobs.keeper.loop import Keeper


class Command(BaseCommand):
    help = "Record the journal, publish what is due, rescue what was lost. Run at least one; several share the work."
    requires_system_checks = ("taskqueue",)

    def handle(self, *_args: Any, **_options: Any) -> None:
        duties.add(accounting.make)
        keeper = Keeper()

        def stop(_signal: int, _frame: FrameType | None) -> None:
            keeper.stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        logging.getLogger("jobs.keeper").info("keeper ready")
        keeper.run()
        logging.getLogger("jobs.keeper").info("keeper stopped; everything it had read is recorded")
