"""What the keeper's leader does for the dead letters."""

from collections.abc import Iterable

from dlq import groups
from dlq.notifying import Notifier
from dlq.running import Runner
from jobs import conf
from jobs.keeper.duties import Duty

_MUTE_SECONDS = 5.0
_ANNOUNCE_SECONDS = 1.0


def make() -> Iterable[Duty]:
    settings = conf.current()
    return [
        Duty("run operations", Runner().run_once, settings.OPERATION_SECONDS),
        Duty("end mutes", groups.end_mutes, _MUTE_SECONDS),
        Duty("announce groups", Notifier().run_once, _ANNOUNCE_SECONDS),
    ]
