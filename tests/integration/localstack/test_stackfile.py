"""How a command in a second terminal finds the stack, and isn't misled by one that is gone."""

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskqueue_project.localstack import stackfile
from taskqueue_project.localstack.stackfile import AlreadyRunning, Stack

HOLD = """
import pathlib, signal, sys
from taskqueue_project.localstack import stackfile
with stackfile.lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    signal.pause()
"""
STACK = Stack(pid=4711, url="http://127.0.0.1:8000", environment={"DEBUG": "1"}, pids={"web": 4712}, ready=True)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that holds the data directory, as a running `up` does."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_running_stack_is_found_whole(tmp_path: Path, holder: "subprocess.Popen[bytes]") -> None:
    stackfile.write(tmp_path, STACK)
    assert stackfile.find_running(tmp_path) == STACK


def test_the_file_of_a_killed_stack_is_ignored(tmp_path: Path, holder: "subprocess.Popen[bytes]") -> None:
    stackfile.write(tmp_path, STACK)
    holder.kill()
    holder.wait()
    assert stackfile.find_running(tmp_path) is None


def test_there_is_none_in_a_directory_that_does_not_exist(tmp_path: Path) -> None:
    assert stackfile.find_running(tmp_path / "nowhere") is None


def test_a_second_stack_on_the_same_data_is_told_where_the_first_one_is(
    tmp_path: Path, holder: "subprocess.Popen[bytes]"
) -> None:
    stackfile.write(tmp_path, STACK)
    with (
        pytest.raises(AlreadyRunning, match=r"already runs on .* at http://127.0.0.1:8000 \(pid 4711\).*PORT=8123"),
        stackfile.lock(tmp_path),
    ):
        pytest.fail("took a lock that another process holds")


def test_it_holds_secrets_so_only_its_owner_may_read_it(tmp_path: Path) -> None:
    stackfile.write(tmp_path, STACK)
    assert stat.S_IMODE((tmp_path / stackfile.NAME).stat().st_mode) == 0o600
