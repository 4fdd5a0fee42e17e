"""Pruning beside recording: 200 000 jobs go while 500 a second are recorded, and the journal hardly lags."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, connections, transaction
from django.db.models import F

from jobs.broker import connections as redis_connections
from jobs.broker import journal
from jobs.domain.states import State
from jobs.lifecycle import rollups
from jobs.lifecycle.rollups import Tally
from jobs.models import Attempt, Job, Rollup
from jobs.models.rollup import ALL_TIME
from tests import factories
from tests.support import multitude
from tests.support.process import Process
from tests.support.waiting import until
from tests.support.workers import Worker

OLD = 200_000
A_SECOND = 500
AGE = timedelta(days=60)
LAG_SECONDS_MOST = 1.0
_TICK_SECONDS = 0.1

_ATTEMPTS = (
    "INSERT INTO jobs_attempt (job_id, number, outcome, worker, incarnation, pid, beat, started_at, finished_at,"
    " error_type, error, traceback, causes, log, late_outcome)"
    " SELECT id, 1, 'succeeded', 'worker@test', 'a', 1, 1, started_at, finished_at, '', '', '', '[]', '', ''"
    " FROM jobs_job"
)


def database_url() -> str:
    """Of the test's own database, for another process."""
    told = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{told['NAME']}"
    return f"postgresql://{told['USER']}:{told['PASSWORD']}@{told['HOST']}:{told['PORT']}/{told['NAME']}"


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Process]:
    process = Process(
        "keeper",
        [sys.executable, "manage.py", "keeper"],
        environment=dict(os.environ) | {"DATABASE_URL": database_url()},
        log=tmp_path / "keeper.log",
    )
    yield process
    process.stop()


def feed(stopping: threading.Event, fed: list[int]) -> None:
    """A worker's journal of jobs that each ran once, at an even rate."""
    worker, began = Worker(), time.monotonic()
    while not stopping.wait(_TICK_SECONDS):
        owed = int((time.monotonic() - began) * A_SECOND) - sum(fed)
        for job in factories.make_jobs(min(owed, A_SECOND)):
            worker.start(job)
            worker.finish(job)
        fed.append(min(owed, A_SECOND))
    connections.close_all()


def make_old_jobs() -> None:
    multitude.make_jobs(OLD * 100 // 95 + 100)
    Job.objects.exclude(state=State.SUCCEEDED).delete()
    Job.objects.update(finished_at=F("finished_at") - AGE)
    with connection.cursor() as cursor:
        cursor.execute(_ATTEMPTS)
    counts = Job.objects.order_by().values_list("queue", "task", named=False).distinct()
    with transaction.atomic():
        rollups.add({(ALL_TIME, queue, task): Tally() for queue, task in counts}, using="default")


@pytest.mark.scale
@pytest.mark.timeout(1200)
@pytest.mark.django_db(transaction=True)
def test_pruning_two_hundred_thousand_jobs_leaves_recording_within_a_second(request: pytest.FixtureRequest) -> None:
    make_old_jobs()
    stopping, lags, fed = threading.Event(), list[float](), list[int]()
    request.getfixturevalue("keeper").wait_for_output("leads now")
    feeder = threading.Thread(target=feed, args=(stopping, fed), daemon=True)
    feeder.start()
    began = time.monotonic()

    def old_jobs_are_gone() -> bool:
        lags.append(journal.lag_seconds(redis_connections.patient()))
        return sum(_pruned()) >= OLD

    until(old_jobs_are_gone, seconds=1_000, what="the old jobs to be pruned")
    took = time.monotonic() - began
    stopping.set()
    feeder.join(timeout=30)
    until(lambda: journal.lag_seconds(redis_connections.patient()) == 0.0, seconds=60, what="the journal to be empty")
    p95 = sorted(lags)[int(len(lags) * 0.95)]
    rate = sum(fed) / took
    said = f"{rate:.0f} jobs/s recorded: lag p95 {p95:.3f} s, most {max(lags):.3f} s"
    print(f"pruned {OLD} in {took:.0f} s beside {said}")  # noqa: T201  (what make test-scale is run for)
    assert Attempt.objects.count() == Job.objects.count()
    assert rate > A_SECOND * 0.9
    assert p95 < LAG_SECONDS_MOST


def _pruned() -> list[int]:
    rows = Rollup.objects.filter(minute=ALL_TIME).values_list("counts", flat=True)
    return [counts.get("pruned_succeeded", 0) for counts in rows]
