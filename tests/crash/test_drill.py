"""`manage.py drill`, run as a person would."""

# Shows guarantee 1 of docs/guarantees.md.

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import environment
from tests.support.process import ROOT


def drill(tmp_path: Path, *arguments: str, seconds: float) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "drill", *arguments],
        cwd=ROOT,
        # TMPDIR: what is left behind can be told by its path.
        env=environment.without_ours() | {"TALLY_DATA": str(tmp_path), "DEBUG": "1", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=seconds,
    )


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_drill_loses_nothing(tmp_path: Path, database: str) -> None:
    options = ["--postgres"] if database == "postgres" else []
    done = drill(tmp_path, "--seconds", "60", *options, seconds=800)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert done.stdout.splitlines()[-1] == "lost 0"
    kills = re.search(r"^kills (\d+)", done.stdout, re.MULTILINE)
    assert kills is not None
    assert int(kills[1]) >= 10


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_short_drill_loses_nothing_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = drill(tmp_path, "--seconds", "8", "--seed", "7", seconds=280)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert done.stdout.splitlines()[-1] == "lost 0"
    left = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=True).stdout
    assert [line for line in left.splitlines() if str(tmp_path) in line] == []
    assert list(tmp_path.glob("tally-drill-*")) == []


def test_a_drill_here_needs_a_stack_that_runs_here(tmp_path: Path) -> None:
    done = drill(tmp_path, "--here", seconds=60)
    assert done.returncode == 2
    assert "No stack runs on" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_holds_jobs_is_not_drilled(tmp_path: Path, migrated_database: str) -> None:
    if not migrated_database.startswith("sqlite"):
        pytest.skip("the other database is asked the same way")
    import sqlite3

    copy = tmp_path / "full.sqlite3"
    copy.write_bytes(Path(migrated_database.removeprefix("sqlite:///")).read_bytes())
    subprocess.run(
        [sys.executable, "manage.py", "submit", "noop"],
        cwd=ROOT,
        env=environment.without_ours()
        | {"TALLY_DATA": str(tmp_path), "DEBUG": "1", "DATABASE_URL": f"sqlite:///{copy}"},
        check=True,
        capture_output=True,
        timeout=60,
    )
    done = drill(tmp_path, "--database-url", f"sqlite:///{copy}", seconds=60)
    assert done.returncode == 2
    assert "holds 1 jobs" in done.stderr
    with sqlite3.connect(copy) as line:
        assert line.execute("SELECT count(*) FROM jobs_job").fetchone() == (1,)
