"""What a part of the stack is, and one life of it: from its start to the end of the last process of its group."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from taskqueue_project.localstack import lifeline

FIRST_PAUSE_SECONDS = 0.2
STEADY_AFTER_SECONDS = 15.0  # a life this long forgives the deaths before it
LONGEST_LINE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    colour: int = 0
    ready_line: str = ""
    """A regular expression: the part says so itself."""
    probe: Callable[[], bool] | None = None
    """Asked, once the line has come, until it returns true."""
    longest_pause_seconds: float = 5.0
    """Before a part that keeps dying is started again."""
    stop_order: int = 0
    """Lower numbers are stopped first."""
    grace_seconds: float = 3.0
    """Between SIGTERM and SIGKILL."""
    is_errand: bool = False
    """Runs once and is kept quiet: its output is shown only when it fails."""


def pause_seconds(deaths: int, *, longest: float) -> float:
    """Before the next life, after the n-th death in a row."""
    return min(longest, FIRST_PAUSE_SECONDS * 2.0 ** min(deaths - 1, 20))


class Life:
    """A running part: the leader of a session of its own, tied to this process."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.started_at = time.monotonic()
        self.is_ready = False
        self.said_ready = not part.ready_line
        self.returncode: int | None = None
        self.is_silent = False
        self._unfinished = b""
        self._process = subprocess.Popen(
            part.command,
            env=dict(part.environment),
            cwd=part.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lifeline.tie_to_me(),  # noqa: PLW1509  (two system calls, and no thread runs here)
        )
        if self._process.stdout is None:
            raise RuntimeError(f"{part.name} has no output pipe")
        self.output: IO[bytes] = self._process.stdout
        os.set_blocking(self.output.fileno(), False)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def age_seconds(self) -> float:
        return time.monotonic() - self.started_at

    def read_lines(self) -> list[str]:
        """The whole lines that have come. `is_silent` afterwards: there will be no more."""
        received = bytearray()
        while len(received) < LONGEST_LINE_BYTES:
            try:
                chunk = os.read(self.output.fileno(), LONGEST_LINE_BYTES)
            except BlockingIOError:
                break
            received += chunk
            self.is_silent = not chunk
            if self.is_silent:
                break
        *whole, self._unfinished = (self._unfinished + bytes(received)).split(b"\n")
        if self._unfinished and (self.is_silent or len(self._unfinished) > LONGEST_LINE_BYTES):
            whole, self._unfinished = [*whole, self._unfinished], b""
        lines = [line.decode(errors="replace").rstrip("\r") for line in whole]
        self.said_ready = self.said_ready or any(re.search(self.part.ready_line, line) for line in lines)
        return lines

    def has_ended(self) -> bool:
        """Looks without reaping where the system can: until `bury`, nobody else can be given the pid."""
        if self.returncode is not None or not hasattr(os, "waitid"):
            return self._process.poll() is not None
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def send(self, signum: int) -> None:
        """To the leader alone: what its children should hear is its business."""
        if not self.has_ended():
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """Every process of the group, at once."""
        with suppress(ProcessLookupError, PermissionError):  # macOS: "not permitted" for a group of zombies
            os.killpg(self.pid, signal.SIGKILL)

    def bury(self) -> int:
        """After its end: takes along what its leader left running; its return code."""
        self.kill()
        self.returncode = self._process.wait()
        return self.returncode

    def close(self) -> None:
        self.output.close()


def describe_end(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with code {returncode}"
    return f"was killed by {signal.Signals(-returncode).name}"
