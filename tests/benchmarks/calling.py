"""A process that submits when it is told to, as a web server does: warm, its connections open."""

import json
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from taskqueue_project.localstack import lifeline
from tests.support.process import ROOT

_SECONDS = 180.0
_TAIL = 2_000


class Caller:
    def __init__(self, who: str, *, environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.submitting", who],
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                bufsize=1,
                preexec_fn=lifeline.tie_to_me(),  # noqa: PLW1509  (two system calls, no lock)
            )

    def submit(self, how: str, count: int, rate: float) -> float:
        """The seconds the calls took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([how, count, rate]) + "\n")
        readable, _, _ = select.select([self._process.stdout], [], [], _SECONDS)
        said = self._process.stdout.readline() if readable else ""
        if not said:
            errors = self.log.read_text(encoding="utf-8", errors="replace")[-_TAIL:]
            raise RuntimeError(f"{count} × {how} was not submitted within {_SECONDS:.0f} s: {errors}")
        return float(said)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(timeout=10)
