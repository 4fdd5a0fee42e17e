"""The health check of containers: who wakes up lives."""

from itertools import count
from pathlib import Path

import pytest

from taskqueue_project import probe


def sleeper(proc: Path, *, pid: int, wake_ups: int, state: str = "S") -> None:
    (proc / str(pid)).mkdir(exist_ok=True)
    (proc / f"{pid}/status").write_text(f"Name:\tx\nState:\t{state} (x)\nvoluntary_ctxt_switches:\t{wake_ups}\n")


def test_a_process_that_wakes_up_lives(tmp_path: Path) -> None:
    wake_ups = count(1)
    sleeper(tmp_path, pid=7, wake_ups=0)
    assert probe.wakes_up(7, proc=tmp_path, wait=lambda _: sleeper(tmp_path, pid=7, wake_ups=next(wake_ups)))


def test_a_process_that_hangs_does_not(tmp_path: Path) -> None:
    sleeper(tmp_path, pid=7, wake_ups=5)
    assert not probe.wakes_up(7, proc=tmp_path, patience_seconds=0.05, wait=lambda _: None)


def test_a_process_that_ended_does_not(tmp_path: Path) -> None:
    assert not probe.wakes_up(7, proc=tmp_path)
    sleeper(tmp_path, pid=7, wake_ups=5, state="Z")
    assert not probe.wakes_up(7, proc=tmp_path)


@pytest.mark.parametrize(("first", "expected"), [("python", 1), ("docker-init", 8)])
def test_an_init_stands_for_its_first_child(tmp_path: Path, first: str, expected: int) -> None:
    (tmp_path / "1/task/1").mkdir(parents=True)
    (tmp_path / "1/comm").write_text(f"{first}\n")
    (tmp_path / "1/task/1/children").write_text("8 9 ")
    assert probe.main_process(tmp_path) == expected
