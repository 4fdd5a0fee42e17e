"""`manage.py doctor`: a healthy installation is fine; whatever is not is named, with why it matters and what to do."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings
from django.utils import timezone

from jobs.broker import connections, depth, heartbeats, journal
from jobs.control import queues
from jobs.doctor import clocks, examining, redis_server, sql
from jobs.domain.actors import CODE
from jobs.keeper import sampler
from jobs.keeper.leader import Leader
from tests.integration.commands.conftest import Fail, Run
from tests.integration.commands.test_lists import beat, live
from tests.support.own_redis import own_redis

Examine = Callable[..., tuple[int, dict[str, str]]]


@pytest.fixture
def _well() -> None:
    """A keeper that leads, and a worker for every queue."""
    Leader().hold(connections.patient())
    sampler.sample(timezone.now())
    live(beat(queues=("high", "default", "low")))


@pytest.fixture
def examine(manage: Run, failing: Fail) -> Examine:
    """The exit code, and what each examination found, by its name."""

    def run() -> tuple[int, dict[str, str]]:
        from jobs.doctor import examining

        found = {
            r.examination.name: f"{f.what} {f.why} {f.remedy}" for r in examining.examine_all() for f in r.findings
        }
        serious = [f for r in examining.examine_all() for f in r.findings if f.level is examining.Level.PROBLEM]
        if serious:
            return failing("doctor")[0], found
        manage("doctor")
        return 0, found

    return run


@contextmanager
def configured(**values: Any) -> Iterator[None]:
    client = depth.client()
    before = {name: str(client.config_get(name)[name]) for name in values}
    for name, value in values.items():
        client.config_set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            client.config_set(name, value)


@pytest.mark.usefixtures("_well")
def test_all_is_fine_when_all_is_fine(manage: Run, examine: Examine) -> None:
    with override_settings(DEBUG=True):
        code, found = examine()
        printed = manage("doctor")
    assert code == 0
    assert set(found) <= {"redis_persistence"}  # the tests' own Redis is not durable, and that is a note
    assert "✓  A keeper leads." in printed
    assert "no problem(s)" in printed


@pytest.mark.usefixtures("_well")
def test_a_redis_that_evicts_is_named(examine: Examine) -> None:
    with configured(**{"maxmemory-policy": "allkeys-lru"}):
        code, found = examine()
    assert code == 1
    assert "maxmemory-policy allkeys-lru" in found["redis_eviction"]
    assert "CONFIG SET maxmemory-policy noeviction" in found["redis_eviction"]


def test_a_stopped_keeper_is_named(examine: Examine) -> None:
    live(beat(queues=("high", "default", "low")))
    code, found = examine()
    assert (code, set(found) - {"redis_persistence", "settings"}) == (1, {"keeper"})
    assert "manage.py keeper" in found["keeper"]


def test_a_keeper_that_hangs_is_named(examine: Examine) -> None:
    Leader().hold(connections.patient())
    sampler.sample(timezone.now() - timedelta(seconds=20))
    code, found = examine()
    assert code == 1
    assert "took no sample since" in found["keeper"]


def test_a_queue_without_a_worker_is_named_unless_it_is_paused(examine: Examine) -> None:
    Leader().hold(connections.patient())
    sampler.sample(timezone.now())
    live(beat(queues=("high", "default")))
    code, found = examine()
    assert code == 1
    assert "No worker serves the queue low" in found["workers"]
    queues.pause("low", actor=CODE, reason="nobody at hand")
    code, found = examine()
    assert (code, "workers" in found) == (0, False)
    assert "paused by code" in found["paused"]


@pytest.mark.usefixtures("_well")
def test_unapplied_migrations_are_named(examine: Examine) -> None:
    [(_, newest)] = MigrationLoader(connection).graph.leaf_nodes("jobs")
    MigrationRecorder(connection).migration_qs.filter(app="jobs", name=newest).delete()
    code, found = examine()
    assert code == 1
    assert f"jobs.{newest}" in found["migrations"]
    assert "manage.py migrate" in found["migrations"]


def test_with_redis_away_what_needs_it_is_not_looked_at(failing: Fail, tmp_path: Path) -> None:
    with own_redis(tmp_path) as redis:
        redis.stop()
        code, _ = failing("doctor")
        results = {result.examination.name: result for result in examining.examine_all()}
    assert code == 1
    assert "can't be reached" in results["redis"].findings[0].what
    assert results["keeper"].skipped
    assert results["migrations"].is_well


@pytest.mark.usefixtures("_well")
def test_an_older_redis_is_named(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_server, "OLDEST_VERSION", (99, 0))
    code, found = examine()
    assert code == 1
    assert "redis_version" in found


@pytest.mark.usefixtures("_well")
def test_a_redis_that_is_nearly_full_is_named(examine: Examine) -> None:
    used = int(depth.client().info("memory")["used_memory"])
    with configured(maxmemory=str(int(used * 1.1))):
        code, found = examine()
    assert code == 1
    assert "of its maxmemory" in found["redis_memory"]


@pytest.mark.usefixtures("_well")
@pytest.mark.parametrize(("ahead", "said"), [(90.0, "ahead of"), (-90.0, "behind")])
def test_clocks_that_differ_are_named(
    examine: Examine, monkeypatch: pytest.MonkeyPatch, ahead: float, said: str
) -> None:
    told = connections.redis_ms
    monkeypatch.setattr(connections, "redis_ms", lambda client: told(client) + ahead * 1000)
    monkeypatch.setattr(heartbeats, "live", lambda *_args, **_options: [beat(queues=("high", "default", "low"))])
    monkeypatch.setattr(sql, "ahead_seconds", lambda: ahead)
    code, found = examine()
    assert code == 1
    assert re.match(rf"Redis is \d+\.\d s {said} this machine", found["redis_clock"])
    assert f"The database is 90.0 s {said} this machine" in found["database_clock"]


@pytest.mark.usefixtures("_well")
def test_a_journal_that_nobody_reads_is_named(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "lag_seconds", lambda _client: 45.0)
    code, found = examine()
    assert code == 1
    assert "has not been recorded for 45 s" in found["journal"]


@pytest.mark.usefixtures("_well")
def test_entries_in_quarantine_are_named(examine: Examine) -> None:
    connections.patient().xadd(journal.quarantine_key(), {"problem": "value too long"})
    code, found = examine()
    assert code == 1
    assert "value too long" in found["quarantine"]


@pytest.mark.usefixtures("_well")
def test_what_a_system_check_refuses_is_named(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = checks.Error("RESCUE_AFTER_SECONDS is too short.", hint="Set it to 8.", id="taskqueue.E001")
    monkeypatch.setattr(checks, "run_checks", lambda **_options: [refused])
    code, found = examine()
    assert code == 1
    assert "taskqueue.E001" in found["settings"]
    assert "Set it to 8." in found["settings"]


@pytest.mark.usefixtures("_well")
def test_workers_of_two_versions_are_worth_a_note(examine: Examine) -> None:
    live(replace(beat("w2@box"), version="0.9"))
    code, found = examine()
    assert code == 0
    assert "0.9, 1.0" in found["versions"]


@pytest.mark.usefixtures("_well")
def test_the_clock_of_the_database_is_close_to_ours_here() -> None:
    assert abs(sql.ahead_seconds() or 0.0) < clocks.TOLERATED_SECONDS
