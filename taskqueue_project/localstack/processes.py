"""The supervisor: keeps parts running, joins their output, and ends them all, in order, when it is told to.

One thread, one loop. Each part leads a session of its own, so a Ctrl-C reaches only the supervisor, which decides who
stops when; a process that a part leaves behind is adopted and ended too.
"""

import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from selectors import EVENT_READ, DefaultSelector
from types import FrameType
from typing import Self

from taskqueue_project.localstack import lifeline, parts
from taskqueue_project.localstack.joinedlog import JoinedLog
from taskqueue_project.localstack.parts import Life, Part

NAME = "stack"
LONGEST_WAIT_SECONDS = 0.25
PROBE_PAUSE_SECONDS = 0.1
MOST_FALSE_STARTS = 4
MOST_LAST_READS = 16  # more than a pipe holds
# One wish arrives twice when `make` and the process group both pass it on; only a later one means "at once".
SAME_WISH_SECONDS = 1.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopAsked(Exception):
    pass


class PartFailed(Exception):
    pass


class Supervisor:
    """A context: leaving it stops everything."""

    def __init__(
        self,
        log: JoinedLog,
        *,
        wants_stop: Callable[[], bool] = lambda: False,
        tell_pids: Callable[[Mapping[str, int]], None] = lambda _: None,
    ) -> None:
        self.log = log
        self._wants_stop = wants_stop
        self._tell_pids = tell_pids
        self._told_pids: Mapping[str, int] = {}
        self._lives: dict[str, Life] = {}
        self._deaths: dict[str, int] = {}
        self._due: dict[str, tuple[float, Part]] = {}
        self._errands: dict[str, deque[str]] = {}
        self._finished: set[str] = set()
        self._were_ready: set[str] = set()
        self._next_probe: dict[str, float] = {}
        self._asked_at: float | None = None
        self._is_urgent = False
        self._selector = DefaultSelector()
        self._inbox, self._outbox = socket.socketpair()

    def __enter__(self) -> Self:
        lifeline.adopt_orphans()
        for end in (self._inbox, self._outbox):
            end.setblocking(False)
        self._selector.register(self._inbox, EVENT_READ)
        signal.set_wakeup_fd(self._outbox.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to be woken
        for signum in STOP_SIGNALS:
            if signum != signal.SIGHUP or signal.getsignal(signum) is not signal.SIG_IGN:  # nohup stays nohup
                signal.signal(signum, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pids(self) -> Mapping[str, int]:
        return {name: life.pid for name, life in self._lives.items()}

    @property
    def _is_stopping(self) -> bool:
        return self._asked_at is not None

    def is_ready(self, name: str) -> bool:
        """A part does its work; an errand is done."""
        life = self._lives.get(name)
        return name in self._finished or (life is not None and life.is_ready)

    def start(self, part: Part) -> None:
        self._due.pop(part.name, None)
        life = self._lives[part.name] = Life(part)
        if part.is_errand:
            self._errands[part.name] = deque(maxlen=200)
        self._selector.register(life.output, EVENT_READ, life)

    def _start_again(self, part: Part) -> None:
        try:
            self.start(part)
        except OSError as error:  # no memory, no process left: the others go on, and this one is tried again
            self._note(f"{part.name} can't be started ({error}); trying again in {part.longest_pause_seconds:g} s")
            self._due[part.name] = (time.monotonic() + part.longest_pause_seconds, part)

    def wait(self, condition: Callable[[], bool], *, seconds: float) -> bool:
        """Keep everything going until the condition holds or the time is up; raise `StopAsked` on a signal."""
        deadline = time.monotonic() + seconds
        while not condition():
            if self._is_stopping or self._wants_stop():
                raise StopAsked
            if time.monotonic() > deadline:
                return False
            self._step()
        return True

    def stop(self) -> None:
        """End the parts in their order, those of one order together; nothing is left at the end."""
        self._asked_at = self._asked_at or time.monotonic()
        self._due.clear()
        for order in sorted({life.part.stop_order for life in self._lives.values()}):
            self._stop_together([life for life in self._lives.values() if life.part.stop_order == order])
        lifeline.kill_orphans()
        self.log.flush()

    def _stop_together(self, lives: list[Life]) -> None:
        for life in lives:
            life.send(signal.SIGTERM)
        deadline = time.monotonic() + max(life.part.grace_seconds for life in lives)
        while not self._is_urgent and time.monotonic() < deadline and self._are_left(lives):
            self._step()
        for life in lives:
            if life.returncode is None:
                if not self._is_urgent:
                    self._note(f"{life.part.name} did not stop within {life.part.grace_seconds:g} s: killed")
                life.kill()
                self._end(life)

    def _are_left(self, lives: list[Life]) -> bool:
        return any(life.returncode is None for life in lives)

    def _step(self) -> None:
        busy = self.log.is_behind or bool(self._due)
        for key, _ in self._selector.select(0.05 if busy else LONGEST_WAIT_SECONDS):
            if key.data is None:
                self._inbox.recv(4096)
            else:
                self._read(key.data)
        self._look_after_lives()
        for due, part in list(self._due.values()):
            if time.monotonic() >= due:
                self._start_again(part)
        if self.pids != self._told_pids and not self._is_stopping:
            self._told_pids = self.pids
            self._tell_pids(self._told_pids)
        self.log.flush()

    def _look_after_lives(self) -> None:
        for life in list(self._lives.values()):
            if life.has_ended():
                self._end(life)
            elif life.said_ready and not life.is_ready and not self._is_stopping:
                self._probe(life)
        lifeline.reap_orphans(set(self.pids.values()))

    def _read(self, life: Life) -> None:
        for line in life.read_lines():
            if life.part.is_errand:
                self._errands[life.part.name].append(line)
            else:
                self.log.add(life.part.name, line, colour=life.part.colour)
        if life.is_silent:
            self._selector.unregister(life.output)

    def _probe(self, life: Life) -> None:
        if life.part.is_errand:
            return
        name = life.part.name
        if life.part.probe is not None:
            if time.monotonic() < self._next_probe.get(name, 0.0):
                return
            if not life.part.probe():
                self._next_probe[name] = time.monotonic() + PROBE_PAUSE_SECONDS
                return
        life.is_ready = True
        if name in self._were_ready:
            self._note(f"{name} is back after {life.age_seconds:.1f} s")
        self._were_ready.add(name)

    def _end(self, life: Life) -> None:
        """Bury it, read its last words, and plan its next life."""
        part, returncode = life.part, life.bury()
        for _ in range(MOST_LAST_READS):
            if not life.is_silent:
                self._read(life)
        if not life.is_silent:
            self._selector.unregister(life.output)
        life.close()
        del self._lives[part.name]
        if self._is_stopping:
            return
        if part.is_errand:
            self._finish_errand(part, returncode)
        else:
            self._plan_restart(life)

    def _finish_errand(self, part: Part, returncode: int) -> None:
        if returncode != 0:
            said = "\n".join(self._errands[part.name])
            raise PartFailed(f"{part.name} {parts.describe_end(returncode)}. It said:\n{said}")
        self._finished.add(part.name)

    def _plan_restart(self, life: Life) -> None:
        part, end = life.part, parts.describe_end(life.returncode or 0)
        deaths = 1 if life.age_seconds > parts.STEADY_AFTER_SECONDS else self._deaths.get(part.name, 0) + 1
        self._deaths[part.name] = deaths
        if part.name not in self._were_ready and deaths >= MOST_FALSE_STARTS:
            raise PartFailed(
                f"{part.name} {end}, {deaths} times before it was ready; its reason is in the lines above."
            )
        pause = parts.pause_seconds(deaths, longest=part.longest_pause_seconds)
        self._note(f"{part.name} {end}; starting it again in {pause:g} s")
        self._due[part.name] = (time.monotonic() + pause, part)

    def _note(self, text: str) -> None:
        self.log.add(NAME, text)

    def _hear(self, signum: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif signum != signal.SIGHUP and now - self._asked_at > SAME_WISH_SECONDS:
            self._is_urgent = True
