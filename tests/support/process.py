"""One real process of a stack: its own process group, its output in a file, always ended."""

import os
import signal
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

from taskqueue_project.localstack import lifeline
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parent.parent.parent
TAIL_BYTES = 8_000


class Process:
    def __init__(
        self,
        name: str,
        command: list[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        pass_fds: Collection[int] = (),
        directory: Path = ROOT,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command,
                cwd=directory,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=pass_fds,
                preexec_fn=lifeline.tie_to_me(),  # noqa: PLW1509  (two system calls, no lock)
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._popen.poll()

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def tail(self) -> str:
        return self.output()[-TAIL_BYTES:]

    def wait_for_output(self, text: str, *, seconds: float = 30) -> None:
        until(lambda: text in self._output_or_fail(text), seconds=seconds, what=f"{self.name} to print {text!r}")

    def _output_or_fail(self, awaited: str) -> str:
        if self.returncode is not None and awaited not in self.output():
            raise AssertionError(
                f"{self.name} ended with {self.returncode} before it printed {awaited!r}:\n{self.tail()}"
            )
        return self.output()

    def signal(self, signum: int) -> None:
        """To this process alone, not to its children."""
        if self.returncode is None:
            self._popen.send_signal(signum)

    def kill(self) -> None:
        """SIGKILL, as the machine's memory killer would; its children are left to notice."""
        self.signal(signal.SIGKILL)
        self.wait(seconds=10)

    def wait(self, *, seconds: float) -> int:
        return self._popen.wait(timeout=seconds)

    def stop(self, *, seconds: float = 15) -> int:
        """SIGTERM, then the whole group's end, whatever is left in it."""
        self.signal(signal.SIGTERM)
        try:
            code = self.wait(seconds=seconds)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        self.kill_group()
        return code

    def kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS says "not permitted" for a group of zombies
            return
        finally:
            self._popen.wait(timeout=10)
