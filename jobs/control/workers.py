"""Tells a worker to take nothing new, to go on, or to stop when what it runs is over: by Celery's remote control."""

from typing import Any

from celery import current_app
from kombu.exceptions import KombuError

from jobs import conf
from jobs.broker import connections, heartbeats, sender
from jobs.control import actions
from jobs.domain.actors import Actor
from jobs.domain.errors import NotThere, TallyError

NEEDED = "jobs.pause_queue"  # to stop a worker is to pause what only it serves


class WorkerUnknown(NotThere):
    code = "worker_unknown"


class WorkerUnreachable(TallyError):
    code = "worker_unreachable"


def hush(name: str, *, actor: Actor, reason: str = "") -> None:
    """It takes nothing new; what runs goes on. A worker that starts anew is not quiet any more."""
    _tell(name, "tally_quiet", actor=actor, verb="quiet", reason=reason)


def wake(name: str, *, actor: Actor, reason: str = "") -> None:
    _tell(name, "tally_wake", actor=actor, verb="wake", reason=reason)


def shut_down(name: str, *, actor: Actor, reason: str = "") -> None:
    """It takes nothing new, waits for what it runs, and exits. Whoever supervises it may start it again."""
    _tell(name, "shutdown", actor=actor, verb="shutdown", reason=reason)


def _tell(name: str, command: str, *, actor: Actor, verb: str, reason: str) -> None:
    """Recorded first: what a worker was told must not be missing from the trail."""
    actor.require(NEEDED)
    actions.checked_reason(reason)
    _require_live(name)
    actions.note(actor, verb, f"worker:{name}", reason=reason)
    app: Any = current_app._get_current_object()
    try:
        with sender.connect(app) as connection:
            mailbox = app.control.mailbox(connection)
            mailbox.producer_pool = None  # the application's own waits without end for a Redis that is away
            mailbox.cast([name], command)
    except (KombuError, *connections.Unavailable) as error:
        raise _unreachable(name) from error


def _require_live(name: str) -> None:
    try:
        live = heartbeats.live(connections.hasty(), within_seconds=conf.current().RESCUE_AFTER_SECONDS)
    except connections.Unavailable as error:
        raise _unreachable(name) from error
    if name not in {beat.name for beat in live}:
        raise WorkerUnknown(f"No worker called {name} is alive.")


def _unreachable(name: str) -> WorkerUnreachable:
    return WorkerUnreachable(f"Redis can't be reached, so {name} was not told. Try again when it is back.")
