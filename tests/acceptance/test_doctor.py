"""`manage.py doctor` on a real stack: well, then without its keeper, then without its database."""

import json

import pytest

from tests.support.story import Story, eventually

FINDINGS = """
from jobs.doctor import examining
answer = [finding.what for result in examining.examine_all() for finding in result.findings]
"""


def test_a_running_stack_is_well_until_its_keeper_stops(fresh: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fresh.environment, "DEBUG", "1")
    fresh.start_keeper()
    fresh.start_worker(concurrency=1)
    eventually(lambda: fresh.call(FINDINGS) == [], "the doctor to find nothing", seconds=20)
    assert "no problem(s).\n" in fresh.manage("doctor").stdout
    fresh.stop("keeper")
    found = fresh.manage("doctor", "--json", check=False)
    assert found.returncode == 1
    assert [finding["examination"] for finding in json.loads(found.stdout)["findings"]] == ["keeper"]


def test_a_database_that_is_away_is_named_without_a_stack_trace(fresh: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fresh.environment, "DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
    found = fresh.manage("doctor", check=False)
    assert found.returncode == 1
    assert "✗  The database can't be reached" in found.stdout
    assert "?  not looked at: Every migration is applied." in found.stdout
    assert "Traceback" not in found.stdout + found.stderr
