"""What a killed `up` left running where the system doesn't tie processes to their parent (macOS): ended before the next.

Two Redis servers on one directory would spoil its data. Called with the data directory's lock held.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from taskqueue_project.localstack import stackfile

OURS = (sys.executable, "redis-server", "valkey-server")


def end(data_dir: Path) -> None:
    """Kill the parts named in a stack file that nobody holds any more, and remove the file."""
    stack = stackfile.read(data_dir)
    for pid in stack.pids.values() if stack else ():
        if _is_a_part(pid):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
    stackfile.remove(data_dir)


def _is_a_part(pid: int) -> bool:
    """Each part leads a session of its own; the rest is against a pid that somebody else has by now."""
    try:
        leads = os.getsid(pid) == pid
    except (ProcessLookupError, PermissionError):
        return False
    command = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return leads and any(name in command for name in OURS)
