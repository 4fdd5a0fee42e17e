"""Who this worker is: one incarnation per life of its parent process, and how often that has beaten.

Both are made before the pool forks, so that every child knows them; the counter lies in memory they share.
"""

import os
import secrets
import socket
from ctypes import c_uint64
from multiprocessing.sharedctypes import RawValue

from jobs.domain.journal import Executor

incarnation = secrets.token_hex(8)
beats = RawValue(c_uint64, 0)


def executor(worker: str) -> Executor:
    """The running process, as attempts and claims name it."""
    name = worker.replace(" ", "_") or f"process@{socket.gethostname()}"
    return Executor(worker=name, incarnation=incarnation, pid=os.getpid(), beat=beats.value)


def renew() -> None:
    """A new life: a worker has started in a process that had one before."""
    global incarnation  # noqa: PLW0603  (one per process is the point)
    incarnation = secrets.token_hex(8)
    beats.value = 0
