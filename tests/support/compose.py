"""The services of docker-compose.yml as processes of this machine: the very commands, with other addresses.

What Docker does is done here: variables are filled in, names become loopback, ports are mapped. Images are not looked at.
"""

import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.process import ROOT, Process

FILE = ROOT / "docker-compose.yml"
# ${NAME:-default} and ${NAME:?message}.
_VARIABLE = re.compile(r"\$\{(?P<name>\w+):(?P<how>[-?])(?P<text>[^}]*)\}")
_SECONDS = {"s": 1.0, "m": 60.0}


class MissingVariable(AssertionError):
    pass


def read(variables: Mapping[str, str]) -> dict[str, Any]:
    """The file with its variables filled in."""
    compose: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    filled: dict[str, Any] = _fill(compose, variables)
    return filled


def _fill(part: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(part, dict):
        return {name: _fill(value, variables) for name, value in part.items()}
    if isinstance(part, list):
        return [_fill(item, variables) for item in part]
    return _VARIABLE.sub(lambda found: _value(found, variables), part) if isinstance(part, str) else part


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    value = variables.get(found["name"], "")
    if value or found["how"] == "-":
        return value or found["text"]
    raise MissingVariable(f"{found['name']}: {found['text']}")


class Services:
    """`addresses` maps what stands in the file ("redis:6379", "8000") to what it is here."""

    def __init__(self, directory: Path, *, variables: Mapping[str, str], addresses: Mapping[str, str]) -> None:
        self.directory = directory
        self.processes: dict[str, Process] = {}
        self._variables = variables
        self._addresses = addresses
        self._services: dict[str, dict[str, Any]] = read(variables)["services"]

    def environment(self, name: str) -> dict[str, str]:
        """Nothing but what the file gives, and where programs are found."""
        given = self._services[name].get("environment", {})
        # A variable without a value is handed on when it is set.
        passed = {key: self._variables.get(key) if value is None else value for key, value in given.items()}
        here = {key: self._translate(value) for key, value in passed.items() if value is not None}
        scripts = Path(sys.executable).parent
        return {"PATH": f"{scripts}:/usr/local/bin:/usr/bin:/bin", "TALLY_DATA": str(self.directory), **here}

    def command(self, name: str) -> list[str]:
        return self._program([self._translate(word) for word in self._services[name]["command"]], name)

    def health_check(self, name: str) -> list[str]:
        how, *words = self._services[name]["healthcheck"]["test"]
        assert how == "CMD"
        words = [self._translate(word) for word in words]
        if words[-1].endswith("probe.py"):
            words.append(str(self.processes[name].pid))  # in its container it is process 1
        return self._program(words, name)

    def grace_seconds(self, name: str) -> float:
        text = self._services[name]["stop_grace_period"]
        return float(text[:-1]) * _SECONDS[text[-1]]

    def start(self, name: str) -> Process:
        process = Process(
            name, self.command(name), environment=self.environment(name), log=self.directory / f"{name}.log"
        )
        self.processes[name] = process
        return process

    def logs(self) -> list[tuple[str, str]]:
        return [(name, process.tail()) for name, process in self.processes.items()]

    def close(self) -> None:
        for process in self.processes.values():
            process.kill_group()

    def _translate(self, text: str) -> str:
        for there, here in self._addresses.items():
            text = re.sub(rf"(?<![\w.]){re.escape(there)}(?!\w)", here, text)
        return text

    def _program(self, words: list[str], name: str) -> list[str]:
        """Found by the service's own PATH: Popen would use this process's."""
        program = shutil.which(words[0], path=self.environment(name)["PATH"])
        assert program is not None, f"{words[0]} of the service {name} is not installed"
        return [program, *words[1:]]
