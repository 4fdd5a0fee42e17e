"""The processes of the running stack, as its stack file names them now: a part that died gets a new one."""

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from taskqueue_project.localstack import stackfile

REDIS, KEEPER, WORKER = "redis", "keeper", "worker-"
SPARED_SECONDS = 15.0  # between two blows at one worker as a whole; it takes a while to come back


@dataclass(frozen=True, slots=True)
class Victim:
    """A process and those that die with it."""

    kind: str
    pid: int
    pids: frozenset[int]


@dataclass(slots=True)
class Victims:
    data_dir: Path
    random: Random
    _worker_hit_at: dict[str, float] = field(default_factory=dict)

    def redis(self) -> Victim | None:
        return self._part(REDIS, "redis")

    def keeper(self) -> Victim | None:
        return self._part(KEEPER, "keeper")

    def worker(self) -> Victim | None:
        """One that works: a queue whose only worker never comes up shows nothing but that."""
        now = time.monotonic()
        name, worker = self._pool(lambda name: now - self._worker_hit_at.get(name, 0.0) > SPARED_SECONDS)
        if worker is not None:
            self._worker_hit_at[name] = now
        return worker

    def child(self) -> Victim | None:
        _name, worker = self._pool(lambda _: True)
        children = sorted(worker.pids - {worker.pid}) if worker else []
        if not children:
            return None
        pid = self.random.choice(children)
        return Victim("child", pid, frozenset({pid}))

    def _pool(self, is_wanted: Callable[[str], bool]) -> tuple[str, Victim | None]:
        pids = self._pids()
        names = sorted(name for name in pids if name.startswith(WORKER) and is_wanted(name))
        if not names:
            return "", None
        name = self.random.choice(names)
        children = children_of(pids[name])
        return name, Victim("worker", pids[name], frozenset({pids[name], *children})) if children else None

    def _part(self, name: str, kind: str) -> Victim | None:
        pid = self._pids().get(name)
        return Victim(kind, pid, frozenset({pid})) if pid and is_alive(pid) else None

    def _pids(self) -> dict[str, int]:
        stack = stackfile.find_running(self.data_dir)
        return dict(stack.pids) if stack else {}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def children_of(pid: int) -> list[int]:
    """As `ps` tells it, which every platform has."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, timeout=10, check=True
    )
    rows = (line.split() for line in listed.stdout.splitlines())
    return [int(own) for own, parent, state, *_ in rows if int(parent) == pid and not state.startswith("Z")]
