"""The commands that the contract names are there and mean what it says."""

import os
import re
import subprocess

import pytest

from tests.support import source

PROMISED = ("up", "test", "test-long", "test-scale", "check", "bench", "drill", "help")
CI_SCRIPT = source.ROOT / ".ci" / "run"


def run_make(*arguments: str) -> str:
    """What make prints, whatever the make that runs the tests was told."""
    command, surroundings = ["make", *arguments], {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    make = subprocess.run(
        command, cwd=source.ROOT, env=surroundings, capture_output=True, text=True, check=True, timeout=30
    )
    return make.stdout


@pytest.mark.parametrize("target", PROMISED)
def test_make_help_lists_every_promised_target(target: str) -> None:
    assert re.search(rf"^  make {target} +\S", run_make("help"), flags=re.MULTILINE)


def test_make_up_becomes_the_stack_with_its_port_and_data() -> None:
    """`exec`, so that what `make` is told reaches the stack and not a shell."""
    last = run_make("--dry-run", "up", "PORT=8123", "DATA=/some dir").splitlines()[-1]
    assert last == "export PORT='8123'; export TALLY_DATA='/some dir'; exec .venv/bin/python manage.py up"


def test_requirements_are_installed_by_hash_only() -> None:
    recipe = run_make("--dry-run", "--always-make", "install-dev")
    installs = [line for line in recipe.split(";") if "pip install" in line]
    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-flower.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    text = (source.ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    pins = [line for line in text.splitlines() if re.match(r"[A-Za-z]", line)]
    assert pins
    assert [pin.split()[0] for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []


def test_the_build_server_runs_every_gate_and_both_halves_of_the_suite() -> None:
    script = CI_SCRIPT.read_text(encoding="utf-8")
    assert os.access(CI_SCRIPT, os.X_OK)
    assert "set -euo pipefail" in script
    assert "export CI=true" in script
    assert "make gates" in script
    assert [line.strip() for line in script.splitlines() if line.strip().startswith("suite test-")] == [
        "suite test-sqlite",
        'suite test-postgres "--ignore=tests/integration/dashboard --ignore=tests/integration/admin"',
        "suite test-newest",
    ]
