"""Two keepers at one journal, one of them dying: every row right, nothing applied twice."""

from collections import Counter
from functools import partial
from typing import Any

import pytest
from celery import chord, shared_task

from jobs.broker import claims, connections, journal
from jobs.domain.states import Outcome, State
from jobs.keeper.recorder import Recorder
from jobs.lifecycle import recording
from jobs.models import Attempt, Job, Rollup
from jobs.models.rollup import ALL_TIME
from tests import factories
from tests.support import invariants, together
from tests.support.called_tasks import plain
from tests.support.workers import Worker

JOBS = 120


@shared_task(name="tests.sum_up")
def sum_up(values: list[int]) -> int:
    return sum(values)


@pytest.fixture(autouse=True)
def _small_batches(settings: Any) -> None:
    settings.TASKQUEUE = {**settings.TASKQUEUE, "RECORD_BATCH_SIZE": 20, "TAKE_OVER_SECONDS": 0.0}
    journal.open_group(connections.patient())


def run_through(jobs: list[Job]) -> None:
    """Each fails once and succeeds then, as their workers tell it."""
    worker = Worker()
    for number, outcome in ((1, Outcome.FAILED), (2, Outcome.SUCCEEDED)):
        for job in jobs:
            worker.start(job, number)
            worker.finish(job, number, outcome=outcome)


def all_time() -> Counter[str]:
    return sum((Counter(row.counts) for row in Rollup.objects.filter(minute=ALL_TIME)), Counter())


def assert_recorded_once(jobs: int) -> None:
    assert Job.objects.filter(state=State.SUCCEEDED).count() == Job.objects.count() == jobs
    assert Attempt.objects.count() == 2 * jobs
    assert all_time() == {"started": 2 * jobs, "attempt_failed": jobs, "retrying": jobs, "succeeded": jobs}
    assert connections.patient().xlen(claims.journal_key()) == 0
    invariants.assert_all()


def test_several_keepers_share_a_journal_and_apply_everything_once() -> None:
    run_through(factories.make_jobs(JOBS))
    recorders = [Recorder() for _ in range(4)]
    together.run([recorder.drain for recorder in recorders])
    Recorder().drain()
    assert_recorded_once(JOBS)


def test_keepers_that_die_between_commit_and_settling_repeat_nothing() -> None:
    run_through(factories.make_jobs(JOBS))

    def die_after_each_commit() -> None:
        client = connections.patient()
        for _ in range(5):
            lines = journal.read(client, reader="mortal", count=20, block_ms=None)
            recording.record([line.entry for line in lines if line.entry is not None])  # type: ignore[misc]

    together.run([die_after_each_commit, Recorder().drain, die_after_each_commit, Recorder().drain])
    Recorder().drain()
    assert_recorded_once(JOBS)


def test_the_same_entries_in_two_keepers_at_once_are_applied_once() -> None:
    """A slow keeper's batch was taken over while it was still at it."""
    run_through(factories.make_jobs(20))
    client = connections.patient()
    lines = journal.read(client, reader="slow", count=200, block_ms=None)
    entries: Any = [line.entry for line in lines]
    together.run([partial(recording.record, entries), partial(recording.record, entries[::-1])])
    journal.settle(client, ids=[line.id for line in lines], closed=[])
    assert_recorded_once(20)


def test_the_last_two_members_of_a_chord_at_once_submit_its_body_once() -> None:
    for _ in range(5):
        Job.objects.all().delete()
        chord([plain.s(number) for number in range(6)], sum_up.s()).apply_async()
        members = list(Job.objects.order_by("group_index"))
        recording.record([factories.ended(member, result=1) for member in members[:4]])
        lasts = [[factories.ended(member, result=1)] for member in members[4:]]
        together.run([partial(recording.record, last) for last in lasts])
        body = Job.objects.get(task=sum_up.name)
        assert body.args == [[1] * 6]
    invariants.assert_all(besides=("rollups_add_up", "minutes_add_up", "chords_complete"))
