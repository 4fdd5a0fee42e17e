"""`manage.py top` in a terminal: it draws, takes keys, and leaves the terminal as it was."""

import os
import pty
import select
import subprocess
import sys
import time

from tests.support.process import ROOT
from tests.support.story import Story

LEFT_THE_SCREEN = "\x1b[?1049l"


def read_until(terminal: int, text: str, *, seconds: float = 60) -> str:
    deadline, seen = time.monotonic() + seconds, ""
    while text not in seen:
        assert time.monotonic() < deadline, f"waited in vain for {text!r}; saw {seen[-2000:]!r}"
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65_536).decode("utf-8", "replace")
    return seen


def test_it_draws_in_a_terminal_and_obeys_its_keys(fresh: Story) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "manage.py", "top", "--every", "0.2"]
    environment = {**fresh.environment, "TERM": "xterm-256color", "COLUMNS": "140", "LINES": "40"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as top:
        try:
            os.close(theirs)
            read_until(ours, "sort (run time)")
            os.write(ours, b"s")
            read_until(ours, "sort (task)")
            os.write(ours, b"p")
            read_until(ours, "does not move")
            os.write(ours, b"q")
            read_until(ours, LEFT_THE_SCREEN)
            assert top.wait(timeout=20) == 0
        finally:
            top.kill()
            os.close(ours)
