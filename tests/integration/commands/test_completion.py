"""deploy/completion.bash: Tab after `manage.py` names our commands and their options."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import environment
from tests.support.process import ROOT

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")


@pytest.mark.parametrize(
    ("words", "offered"),
    [(("python", "manage.py", "dl"), "dlq"), (("python", "manage.py", "submit", "--wai"), "--wait")],
)
def test_tab_completes_commands_and_options(words: tuple[str, ...], offered: str, tmp_path: Path) -> None:
    script = (
        f"source deploy/completion.bash; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; "
        '_tally_after_python; echo "${COMPREPLY[@]}"'
    )
    variables = environment.without_ours() | {
        "TALLY_DATA": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    }
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.split() == [offered]
