"""From nothing to a running stack and back: what `manage.py up` does, and what it says when it can't."""

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from taskqueue_project import env
from taskqueue_project.localstack import banner, leftovers, plan, ports, private, redis, stackfile
from taskqueue_project.localstack.joinedlog import JoinedLog
from taskqueue_project.localstack.launcher import Launcher
from taskqueue_project.localstack.plan import Plan
from taskqueue_project.localstack.processes import NAME, PartFailed, StopAsked, Supervisor

START_SECONDS = 120.0
FOREVER = float("inf")
WIDTH = len("worker-default")


class CannotStart(Exception):
    """Its text is the one line that a person needs."""


def run(environ: Mapping[str, str], *, port: int | None = None, data: str | None = None) -> None:
    """Start everything, keep it running, and return when it was asked to stop and nothing is left."""
    began_at = time.monotonic()
    told = env.read_told(environ)
    if data:
        told["TALLY_DATA"] = data
    data_dir = env.data_dir_of(told)
    _check_writable(data_dir)
    try:
        with stackfile.lock(data_dir):
            leftovers.end(data_dir)
            drawn = plan.draw(told, data_dir=data_dir, port=_choose_port(told, port))
            _supervise(drawn, launcher=Launcher(environ), began_at=began_at)
    except (stackfile.AlreadyRunning, ports.NoFreePort, redis.RedisNotFound, PartFailed) as error:
        raise CannotStart(str(error)) from error


def _check_writable(data_dir: Path) -> None:
    try:
        private.make_directory(data_dir)
        with tempfile.TemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        raise CannotStart(
            f"The data directory {data_dir} can't be used ({error.strerror}): choose another with DATA=/some/dir."
        ) from error


def _choose_port(told: Mapping[str, str], asked: int | None) -> int:
    text = str(asked) if asked is not None else told.get("PORT", "8000")
    if not text.isdecimal() or int(text) > 65_535:
        raise ImproperlyConfigured(f"{text} is no port: give a number from 1 to 65535, or 0 for any free one.")
    port = int(text) or ports.find_free()
    if not ports.is_free(port):
        raise CannotStart(f"Port {port} is in use: stop what listens there, or choose another: make up PORT={port + 1}")
    return port


def _supervise(drawn: Plan, *, launcher: Launcher, began_at: float) -> None:
    stack = StackNotes(drawn)
    log = JoinedLog(sys.stdout.fileno(), width=WIDTH)
    try:
        with Supervisor(log, wants_stop=launcher.wants_stop, tell_pids=stack.note_pids) as supervisor:
            try:
                _start(supervisor, drawn)
                stack.note_ready()
                took = time.monotonic() - began_at
                log.add_plain(banner.compose(url=drawn.url, data_dir=drawn.data_dir, seconds=took))
                supervisor.wait(lambda: False, seconds=FOREVER)
            except StopAsked:
                log.add(
                    NAME,
                    "stopping; running jobs get some seconds to finish, a second signal ends all at once",
                )
        log.add(NAME, "everything has stopped")
        log.flush()
    finally:
        stackfile.remove(drawn.data_dir)


def _start(supervisor: Supervisor, drawn: Plan) -> None:
    servers, processes = plan.servers(drawn), plan.processes(drawn)
    supervisor.log.add(NAME, f"starting {', '.join(part.name for part in servers + processes)}")
    for stage in (servers, processes):
        for part in stage:
            supervisor.start(part)
        waiting_for = {part.name for part in stage}

        def everything_is_ready(names: set[str] = waiting_for) -> bool:
            return all(supervisor.is_ready(name) for name in names)

        if not supervisor.wait(everything_is_ready, seconds=START_SECONDS):
            missing = sorted(name for name in waiting_for if not supervisor.is_ready(name))
            raise CannotStart(
                f"Not ready within {START_SECONDS:g} s: {', '.join(missing)}; the reason is in the lines above."
            )


class StackNotes:
    """Keeps the stack file true while parts come and go."""

    def __init__(self, drawn: Plan) -> None:
        self._drawn = drawn
        self._pids: Mapping[str, int] = {}
        self._is_ready = False

    def note_pids(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._write()

    def note_ready(self) -> None:
        self._is_ready = True
        self._write()

    def _write(self) -> None:
        stack = stackfile.Stack(
            pid=os.getpid(),
            url=self._drawn.url,
            environment=self._drawn.settings,
            pids=self._pids,
            ready=self._is_ready,
        )
        with suppress(OSError):  # a full disk: the stack goes on, whatever the file says
            stackfile.write(self._drawn.data_dir, stack)
