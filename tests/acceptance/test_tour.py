"""The README's tour, command for command, in a second terminal beside `make up`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import environment, recipes
from tests.support.process import ROOT
from tests.support.up import running

PORT_OF_THE_TEXT = "8000"
TOUR_SECONDS = 150
# One in five payments of the sample fails for practice; the tour would go on a few seconds later.
STEADY = {"TALLY_DEMO_FAILURE_SCALE": "0"}


def the_tour() -> str:
    """What a reader types, as one script that stops at the first command that fails."""
    text = re.split(r"^## ", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    section = next(part for part in text if part.startswith("The tour\n"))
    typed = [block.text for block in recipes.blocks_in(section) if block.language == "sh"]
    assert len(typed) >= 6
    return "set -e\n" + "".join(typed)


@pytest.mark.timeout(240)
def test_the_tour_of_the_readme_is_true_to_the_letter(tmp_path: Path) -> None:
    with running(tmp_path, **STEADY) as up:
        script = the_tour().replace(f"localhost:{PORT_OF_THE_TEXT}", f"localhost:{up.environment['PORT']}")
        script = script.replace(". .venv/bin/activate", f'export PATH="{Path(sys.executable).parent}:$PATH"')
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=ROOT,
            env=environment.without_ours() | {"TALLY_DATA": str(up.data_dir), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=TOUR_SECONDS,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"

    told = done.stdout
    assert '"status":"PENDING"' in told
    assert re.search(r"^state +dead$", told, flags=re.MULTILINE)
    assert "is no currency" in told
    assert re.search(r"^2 +succeeded", told.split("is no currency")[-1], flags=re.MULTILINE)
    assert re.search(r"^1 +lost ", told, flags=re.MULTILINE), "the killed attempt is on record"
    assert "0 findings" in told
    assert told.rstrip().endswith("unaccounted 0")
