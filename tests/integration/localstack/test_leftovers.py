"""After an `up` that was killed: its parts go, and nobody else's processes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskqueue_project.localstack import leftovers, stackfile
from taskqueue_project.localstack.stackfile import Stack
from tests.integration.localstack.test_processes import IDLE


@pytest.fixture
def processes() -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """One that leads a session, as a part does, one that doesn't, and one that does but is no part."""
    python = [sys.executable, "-c", IDLE]
    started = {
        "part": subprocess.Popen(python, stdout=subprocess.DEVNULL, start_new_session=True),
        "neighbour": subprocess.Popen(python, stdout=subprocess.DEVNULL),
        "stranger": subprocess.Popen(["sleep", "60"], start_new_session=True),
    }
    yield started
    for process in started.values():
        process.kill()
        process.wait(timeout=5)


def test_only_parts_of_the_killed_stack_are_ended(
    tmp_path: Path, processes: dict[str, "subprocess.Popen[bytes]"]
) -> None:
    pids = {name: process.pid for name, process in processes.items()}
    stackfile.write(tmp_path, Stack(pid=1, url="http://127.0.0.1:1", environment={}, pids=pids))
    leftovers.end(tmp_path)
    assert processes["part"].wait(timeout=5) == -9
    assert processes["neighbour"].poll() is None
    assert processes["stranger"].poll() is None
    assert stackfile.read(tmp_path) is None


def test_a_file_of_another_version_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / stackfile.NAME).write_text('{"colour": "blue"}')
    leftovers.end(tmp_path)
    assert not (tmp_path / stackfile.NAME).exists()
