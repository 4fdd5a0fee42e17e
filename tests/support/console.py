"""A Python that has Django set up for a stack's database and runs snippets, one JSON line in, one out.

A process start costs a second; a test that waits for a row asks ten times a second.
"""

import contextlib
import io
import json
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import IO, Any

from taskqueue_project.localstack import lifeline
from tests.support.process import ROOT


class ConsoleError(AssertionError):
    """The snippet raised; the message is its traceback."""


class Console:
    def __init__(self, environment: Mapping[str, str], *, prefix: Sequence[str] = ()) -> None:
        """`prefix` is put before the command: another network, another user."""
        self._popen = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.support.console"],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lifeline.tie_to_me(),  # noqa: PLW1509  (two system calls, no lock)
        )

    def run(self, code: str) -> str:
        """What the code printed."""
        stdin, stdout = self._pipes()
        stdin.write(json.dumps(code) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise ConsoleError("the console ended; its reason is in the captured stderr")
        answer: dict[str, str] = json.loads(line)
        if answer["error"]:
            raise ConsoleError(answer["error"])
        return answer["printed"]

    def close(self) -> None:
        with self._popen:
            self._popen.kill()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        if self._popen.stdin is None or self._popen.stdout is None:
            raise RuntimeError("the console has no pipes")
        return self._popen.stdin, self._popen.stdout


def _serve(lines: IO[str], answers: IO[str]) -> None:
    import django
    from django.db import connections

    django.setup()
    for line in lines:
        answers.write(json.dumps(_answer(json.loads(line))) + "\n")
        answers.flush()
        connections.close_all()


def _answer(code: str) -> dict[str, str]:
    printed = io.StringIO()
    namespace: dict[str, Any] = {"__name__": "console"}
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "<test>", "exec"), namespace)  # noqa: S102 (the test's own code)
    except Exception:  # noqa: BLE001 (reported to the test, whatever it is)
        return {"printed": printed.getvalue(), "error": traceback.format_exc()}
    return {"printed": printed.getvalue(), "error": ""}


if __name__ == "__main__":
    _serve(sys.stdin, sys.stdout)
