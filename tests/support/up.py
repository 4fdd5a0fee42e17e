"""`manage.py up` as a process of its own, and the second terminal beside it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from taskqueue_project.localstack import ports, stackfile
from tests.support import environment
from tests.support.process import ROOT, Process
from tests.support.waiting import until

START_SECONDS = 60
STOP_SECONDS = 20


class Up:
    """One running `up` and what it printed."""

    def __init__(self, directory: Path, **variables: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.data_dir = directory / "data"
        self.environment = environment.without_ours() | {"TALLY_DATA": str(self.data_dir), **variables}
        self.process = Process(
            "up", [sys.executable, "manage.py", "up"], environment=self.environment, log=directory / "up.log"
        )

    @property
    def stack(self) -> stackfile.Stack:
        stack = stackfile.find_running(self.data_dir)
        assert stack is not None, self.process.tail()
        return stack

    @property
    def banner(self) -> dict[str, str]:
        return dict(re.findall(r"^(\w+)  +(.+)$", self.process.output().split("Tally is up")[1], flags=re.MULTILINE))

    def await_ready(self) -> None:
        self.process.wait_for_output("Login  ", seconds=START_SECONDS * crowding())
        until(lambda: self.stack.ready, seconds=5, what="the stack file to say that it is ready")

    def family(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def manage(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return manage(*arguments, **{"TALLY_DATA": str(self.data_dir), **variables})


def manage(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A command in a second terminal: nothing of the first one's environment."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment.without_ours() | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


@contextmanager
def running(directory: Path, **variables: str) -> Iterator[Up]:
    up = Up(directory, PORT=str(ports.find_free()), **variables)
    try:
        up.await_ready()
        yield up
    finally:
        up.process.stop(seconds=STOP_SECONDS)


def crowding() -> float:
    """How many processes want each core just now: the promised seconds are those of a machine with a core to spare."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
