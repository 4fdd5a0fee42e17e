"""Which frames of an error belong to the application."""

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest

from jobs.execution import frames, verdicts
from jobs.execution.frames import of


class Shop:
    def charge(self, text: str) -> Any:
        return read(text)


def read(text: str) -> Any:
    return json.loads(text)


def endless(depth: int) -> None:
    endless(depth + 1)


def caught(act: Callable[[], Any]) -> BaseException:
    with pytest.raises(Exception) as info:  # noqa: PT011  (whatever it raises is looked at)
        act()
    return info.value


def test_only_the_applications_frames_are_named_with_module_and_function() -> None:
    named = of(caught(lambda: Shop().charge("{")))
    mine = [name.removeprefix(f"{__name__}:") for name in named]
    assert mine[-2:] == ["Shop.charge", "read"]
    assert not any("json" in name or "pytest" in name for name in named)


def test_a_library_that_calls_back_is_left_out_between() -> None:
    named = of(caught(functools.partial(sorted, ["{", "["], key=read)))
    assert named[-1] == f"{__name__}:read"


def test_an_endless_recursion_is_named_once() -> None:
    assert of(caught(lambda: endless(0))).count(f"{__name__}:endless") == 1


def test_an_error_that_was_never_raised_has_no_frames() -> None:
    assert of(ValueError("x")) == ()


def test_the_runners_own_frames_are_not_the_applications(monkeypatch: pytest.MonkeyPatch) -> None:
    error = caught(lambda: read("{"))
    monkeypatch.setattr(frames, "_OURS", __name__)
    assert of(error) == ()


def test_a_failure_carries_its_frames() -> None:
    assert verdicts.failure_of(caught(lambda: read("{"))).frames[-1] == f"{__name__}:read"
