"""`make` between the person and the supervisor: whatever reaches `make` alone ends the stack too."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.localstack.test_processes import IDLE
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows what signals a process holds back"),
    pytest.mark.skipif(shutil.which("make") is None, reason="no make on PATH"),
]


@pytest.fixture(params=["exec ", ""], ids=["make runs it", "a shell of make runs it"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A `make` whose recipe runs a supervisor with one part, which is up."""
    description = json.dumps([{"name": "idle", "code": IDLE, "ready_line": "ready"}])
    command = [sys.executable, "-m", "tests.integration.localstack.stand_in", str(tmp_path), description]
    recipe = f"cd {ROOT} && {request.param}{shlex.join(command)}; true".replace("$", "$$")
    (tmp_path / "Makefile").write_text(f"up:\n\t@{recipe}\n")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["make", "-f", tmp_path / "Makefile"], stdout=log, stderr=log, start_new_session=True
        )
    family: list[psutil.Process] = []
    try:
        until(lambda: "all ready" in (tmp_path / "log").read_text(), seconds=20, what="the part to be ready")
        family = psutil.Process(process.pid).children(recursive=True)
        yield process
    finally:
        for member in family:
            if member.is_running():
                member.kill()
        process.kill()
        process.wait(timeout=10)


@pytest.mark.parametrize("signum", SIGNALS, ids=[signum.name for signum in SIGNALS])
def test_a_signal_to_make_alone_ends_everything(make: "subprocess.Popen[bytes]", signum: signal.Signals) -> None:
    family = psutil.Process(make.pid).children(recursive=True)
    os.kill(make.pid, signum)
    until(lambda: not any(member.is_running() for member in family), seconds=10, what="everything below make to end")
    make.wait(timeout=5)
