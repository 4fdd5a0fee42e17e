"""The supervisor: parts come back, a stop is orderly and complete, and nothing outlives it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from taskqueue_project.localstack import parts
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]
IDLE = "import signal; print('idle ready'); signal.pause()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf ready'); signal.pause()"
TIDY = """
import pathlib, signal, sys, threading
def leave(*_):
    threading.Event().wait(0.5)
    pathlib.Path("tidy").write_text("yes")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("tidy ready")
threading.Event().wait(60)
"""
PARENT = """
import pathlib, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session={own_session})
pathlib.Path("child").write_text(str(child.pid))
print("parent ready")
signal.pause()
"""
FLOOD = """
import pathlib, signal
print("flood ready")
for number in range(200_000):
    print("x" * 60)
pathlib.Path("flooded").touch()
signal.pause()
"""


class StandIn:
    """The supervisor under test; its output goes to a file unless told otherwise."""

    def __init__(self, directory: Path, *descriptions: dict[str, Any], stdout: Any = None) -> None:
        self.directory = directory
        self.log = directory / "log"
        command = [
            sys.executable,
            "-m",
            "tests.integration.localstack.stand_in",
            str(directory),
            json.dumps(descriptions),
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=stdout or log,
                stderr=log if stdout else subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pids(self) -> dict[str, int]:
        try:
            return dict(json.loads((self.directory / "pids.json").read_text()))
        except FileNotFoundError:
            return {}

    @property
    def said(self) -> str:
        return self.log.read_text()

    def await_ready(self) -> None:
        until(lambda: "all ready" in self.said, seconds=20, what="every part to be ready")

    def await_end(self, *, seconds: float) -> int:
        return self.process.wait(timeout=seconds)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[StandIn]]:
    """Put the stand-ins here: whatever is left of them is killed after the test."""
    stand_ins: list[StandIn] = []
    yield stand_ins
    for stand_in in stand_ins:
        for pid in [stand_in.process.pid, *stand_in.pids.values(), *_read_pids(stand_in.directory / "child")]:
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)
        stand_in.process.wait(timeout=10)
        if stand_in.process.stdout is not None:
            stand_in.process.stdout.close()


def _read_pids(path: Path) -> list[int]:
    return [int(path.read_text())] if path.exists() else []


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _part(name: str, code: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "code": code, "ready_line": "ready", **fields}


def _start(started: list[StandIn], directory: Path, *descriptions: dict[str, Any], **options: Any) -> StandIn:
    stand_in = StandIn(directory, *descriptions, **options)
    started.append(stand_in)
    return stand_in


def test_a_killed_part_comes_back_while_the_others_go_on(tmp_path: Path, started: list[StandIn]) -> None:
    stand_in = _start(started, tmp_path, _part("a", IDLE), _part("b", IDLE))
    stand_in.await_ready()
    before = stand_in.pids
    os.kill(before["a"], signal.SIGKILL)
    until(lambda: "a is back" in stand_in.said, seconds=5, what="the killed part to be back")
    after = stand_in.pids
    assert after["a"] != before["a"]
    assert after["b"] == before["b"]
    assert "a was killed by SIGKILL; starting it again in 0.2 s" in stand_in.said


def test_a_part_that_keeps_dying_waits_longer_each_time_up_to_a_limit() -> None:
    pauses = [parts.pause_seconds(deaths, longest=5.0) for deaths in range(1, 9)]
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_a_part_that_never_gets_ready_ends_the_start_with_its_name(tmp_path: Path, started: list[StandIn]) -> None:
    stand_in = _start(
        started, tmp_path, _part("a", IDLE), _part("broken", "print('no such module'); raise SystemExit(3)")
    )
    assert stand_in.await_end(seconds=20) == 1
    assert "no such module" in stand_in.said
    assert "broken ended with code 3, 4 times before it was ready" in stand_in.said
    assert not any(map(_is_alive, stand_in.pids.values()))


def test_a_failed_errand_shows_what_it_said_and_a_successful_one_is_quiet(
    tmp_path: Path, started: list[StandIn]
) -> None:
    good = _part("good", "print('all migrated')", is_errand=True)
    bad = _part(
        "bad",
        "import threading; threading.Event().wait(0.5); print('no such table'); raise SystemExit(1)",
        is_errand=True,
    )
    stand_in = _start(started, tmp_path, good, bad)
    assert stand_in.await_end(seconds=10) == 1
    assert "bad ended with code 1. It said:\nno such table" in stand_in.said
    assert "all migrated" not in stand_in.said


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda signum: signum.name)
def test_one_signal_ends_every_part_in_order_and_leaves_nothing(
    signum: signal.Signals, tmp_path: Path, started: list[StandIn]
) -> None:
    last = TIDY.replace('"tidy"', '"last"').replace("wait(0.5)", "wait(0)")
    stand_in = _start(started, tmp_path, _part("last", last, stop_order=1), _part("first", TIDY, stop_order=0))
    stand_in.await_ready()
    pids = stand_in.pids.values()
    stand_in.process.send_signal(signum)
    assert stand_in.await_end(seconds=10) == 0
    assert not any(map(_is_alive, pids))
    assert (tmp_path / "tidy").stat().st_mtime_ns < (tmp_path / "last").stat().st_mtime_ns


def test_the_same_wish_heard_twice_at_once_is_one(tmp_path: Path, started: list[StandIn]) -> None:
    """`make` passes a SIGTERM on that the whole group has already had."""
    stand_in = _start(started, tmp_path, _part("tidy", TIDY))
    stand_in.await_ready()
    stand_in.process.send_signal(signal.SIGTERM)
    stand_in.process.send_signal(signal.SIGINT)
    assert stand_in.await_end(seconds=10) == 0
    assert (tmp_path / "tidy").exists()


def test_a_later_second_signal_kills_at_once(tmp_path: Path, started: list[StandIn]) -> None:
    stand_in = _start(started, tmp_path, _part("deaf", DEAF, grace_seconds=50))
    stand_in.await_ready()
    deaf = stand_in.pids["deaf"]
    stand_in.process.send_signal(signal.SIGTERM)
    asked_at = time.monotonic()
    until(lambda: time.monotonic() - asked_at > 1.2, seconds=5, what="the second signal to count as another wish")
    assert _is_alive(deaf)
    stand_in.process.send_signal(signal.SIGTERM)
    stand_in.await_end(seconds=3)
    assert not _is_alive(deaf)


def test_a_part_that_ignores_the_stop_is_killed_after_its_grace(tmp_path: Path, started: list[StandIn]) -> None:
    stand_in = _start(started, tmp_path, _part("deaf", DEAF, grace_seconds=0.5))
    stand_in.await_ready()
    deaf = stand_in.pids["deaf"]
    stand_in.process.send_signal(signal.SIGTERM)
    assert stand_in.await_end(seconds=5) == 0
    assert not _is_alive(deaf)
    assert "deaf did not stop within 0.5 s: killed" in stand_in.said


def test_a_killed_part_takes_its_children_along(tmp_path: Path, started: list[StandIn]) -> None:
    stand_in = _start(started, tmp_path, _part("parent", PARENT.format(own_session=False)))
    stand_in.await_ready()
    (child,) = _read_pids(tmp_path / "child")
    os.kill(stand_in.pids["parent"], signal.SIGKILL)
    until(lambda: not _is_alive(child), seconds=5, what="the killed part's child to end")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt orphans")
def test_a_child_that_hid_in_a_session_of_its_own_ends_with_the_stack(tmp_path: Path, started: list[StandIn]) -> None:
    stand_in = _start(started, tmp_path, _part("parent", PARENT.format(own_session=True)))
    stand_in.await_ready()
    (child,) = _read_pids(tmp_path / "child")
    stand_in.process.send_signal(signal.SIGTERM)
    stand_in.await_end(seconds=10)
    assert not _is_alive(child)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_killing_the_supervisor_takes_every_part_along(tmp_path: Path, started: list[StandIn]) -> None:
    stand_in = _start(started, tmp_path, _part("a", IDLE), _part("deaf", DEAF))
    stand_in.await_ready()
    pids = stand_in.pids.values()
    stand_in.process.kill()
    until(lambda: not any(map(_is_alive, pids)), seconds=5, what="the parts to follow their supervisor")


def test_output_that_nobody_reads_stops_nothing(tmp_path: Path, started: list[StandIn]) -> None:
    stand_in = _start(started, tmp_path, _part("flood", FLOOD), _part("a", IDLE), stdout=subprocess.PIPE)
    until((tmp_path / "flooded").exists, seconds=20, what="12 MB of output to be taken off the part's hands")
    before = stand_in.pids["a"]
    os.kill(before, signal.SIGKILL)
    until(lambda: stand_in.pids.get("a", before) != before, seconds=5, what="the other part to be started again")
    stand_in.process.send_signal(signal.SIGTERM)
    assert stand_in.await_end(seconds=10) == 0


def test_a_reader_that_went_away_stops_nothing(tmp_path: Path, started: list[StandIn]) -> None:
    chatty = "import threading\nprint('ready')\nwhile True: print('still here'); threading.Event().wait(0.02)"
    stand_in = _start(started, tmp_path, _part("chatty", chatty), stdout=subprocess.PIPE)
    assert stand_in.process.stdout is not None
    assert b"ready" in stand_in.process.stdout.readline()
    stand_in.process.stdout.close()
    before = stand_in.pids["chatty"]
    os.kill(before, signal.SIGKILL)
    until(lambda: stand_in.pids.get("chatty", before) != before, seconds=5, what="the part to be started again")
    stand_in.process.send_signal(signal.SIGTERM)
    assert stand_in.await_end(seconds=10) == 0
