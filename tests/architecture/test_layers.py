"""Imports point one way, and the rules import nothing but the standard library."""

import ast
import configparser
import subprocess
import sys
from pathlib import Path

from tests.support import source

# A rule that reads the clock or the machine can't be tested by a table.
IMPURE = {"io", "logging", "os", "pathlib", "secrets", "socket", "sqlite3", "subprocess", "threading", "time"}
CLOCKS = ("datetime.now", "datetime.utcnow", "date.today", "datetime.today")
WRITES = {"save", "delete", "create", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}


def test_every_import_points_down_the_layers() -> None:
    """In a process of its own: what the test run has loaded must not end up in the import graph."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    lint = subprocess.run(command, cwd=source.ROOT, capture_output=True, text=True, timeout=50)
    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_the_layers_of_jobs_are_exhaustive() -> None:
    """Without this a stray module beside the layers would be seen by nobody."""
    contracts = configparser.ConfigParser()
    contracts.read(source.ROOT / ".importlinter")
    assert contracts["importlinter:contract:jobs"].getboolean("exhaustive")


def test_the_rules_use_the_standard_library_only() -> None:
    foreign = [
        f"{module.name} imports {name}"
        for module in source.modules_in("jobs/domain")
        for name in source.imported_by(module)
        if not name.startswith("jobs.domain") and name.split(".")[0] not in sys.stdlib_module_names - IMPURE
    ]
    assert foreign == []


def test_the_rules_have_no_clock() -> None:
    looks = [
        f"{module.at(call)} {text}"
        for module in source.modules_in("jobs/domain")
        for call, text in source.called_by(module)
        if text.endswith(CLOCKS)
    ]
    assert looks == []


def test_the_dashboard_writes_nothing() -> None:
    writes = [
        f"{module.at(call)} {text}"
        for module in source.modules_in("dashboard")
        for call, text in source.called_by(module)
        if isinstance(call.func, ast.Attribute)
        and (call.func.attr in WRITES or (".objects" in text and call.func.attr == "update"))
    ]
    assert writes == []
