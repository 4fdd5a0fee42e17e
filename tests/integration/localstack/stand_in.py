"""A supervisor in a process of its own, over stand-in parts: what the tests start, signal and kill.

Usage: stand_in.py DIRECTORY PARTS, where PARTS is JSON, a list of Part fields. Keeps the parts' pids in DIRECTORY/pids.json.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from taskqueue_project.localstack import private
from taskqueue_project.localstack.joinedlog import JoinedLog
from taskqueue_project.localstack.launcher import Launcher
from taskqueue_project.localstack.parts import Part
from taskqueue_project.localstack.processes import PartFailed, StopAsked, Supervisor


def main(directory: Path, descriptions: list[dict[str, Any]]) -> int:
    parts = [_part(directory, **description) for description in descriptions]
    log = JoinedLog(sys.stdout.fileno(), width=8, coloured=False)

    def note(pids: Mapping[str, int]) -> None:
        private.write(directory / "pids.json", json.dumps(dict(pids)))

    try:
        with Supervisor(log, wants_stop=Launcher(os.environ).wants_stop, tell_pids=note) as supervisor:
            for part in parts:
                supervisor.start(part)
            supervisor.wait(lambda: all(supervisor.is_ready(part.name) for part in parts), seconds=20)
            log.add_plain("all ready")
            supervisor.wait(lambda: False, seconds=60)
    except StopAsked:
        return 0
    except PartFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 3


def _part(directory: Path, *, code: str, **fields: Any) -> Part:
    command = (sys.executable, "-u", "-c", code)
    return Part(command=command, environment=dict(os.environ), directory=directory, **fields)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
