"""Commands as a person runs them: what they print, and the code they end with."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

Run = Callable[..., str]
RunJson = Callable[..., Any]
Fail = Callable[..., tuple[int, str]]


@pytest.fixture
def manage() -> Run:
    """What the command prints."""

    def run(*arguments: str) -> str:
        out = io.StringIO()
        call_command(*arguments, stdout=out, stderr=io.StringIO())
        return out.getvalue()

    return run


@pytest.fixture
def manage_json(manage: Run) -> RunJson:
    return lambda *arguments: json.loads(manage(*arguments, "--json"))


@pytest.fixture
def failing(manage: Run) -> Fail:
    """The exit code and the message of a command that fails."""

    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(CommandError) as caught:
            manage(*arguments)
        return caught.value.returncode, str(caught.value)

    return run
