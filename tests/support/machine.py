"""What a machine may lack: skipped with its reason locally, a failure when CI is set."""

import os
import shutil
from typing import NoReturn

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def lacks(what: str) -> NoReturn:
    """Say that a test can't run here, and why."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} (an error, because CI is set).")
    pytest.skip(f"{what}.")


def chromium() -> str:
    """The path of a Chromium; skips or fails the test when there is none."""
    for name in BROWSERS:
        path = shutil.which(name)
        if path:
            return path
    lacks("No Chromium on PATH (on Debian: apt install chromium)")
