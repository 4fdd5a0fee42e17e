"""SQL that is full, deadlocks or refuses to serialise while the journal is recorded: nothing is lost, nothing is applied twice."""

# Shows guarantee 1 of docs/guarantees.md.

import threading

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from jobs.broker import claims, connections, journal
from jobs.domain.states import State
from jobs.keeper.recorder import Recorder
from jobs.models import Attempt, Job
from tests import factories
from tests.support import invariants
from tests.support.waiting import until
from tests.support.workers import Worker


@pytest.fixture
def recorder() -> Recorder:
    journal.open_group(connections.patient())
    return Recorder()


def run(jobs: list[Job]) -> None:
    worker = Worker()
    for job in jobs:
        worker.start(job)
        worker.finish(job)


def entries() -> int:
    return int(connections.patient().xlen(claims.journal_key()))


def assert_recorded(jobs: list[Job]) -> None:
    assert set(Job.objects.filter(id__in=[j.id for j in jobs]).values_list("state", flat=True)) == {State.SUCCEEDED}
    assert Attempt.objects.filter(job__in=jobs).count() == len(jobs)
    assert entries() == 0
    invariants.assert_all()


@pytest.mark.sqlite_only
def test_a_full_disk_keeps_the_journal_until_there_is_room(recorder: Recorder) -> None:
    """SQLite's own limit of pages: it answers as it does when the disk is full."""
    jobs = factories.make_jobs(300)
    run(jobs)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # pages that other tests have left free would take it all
        cursor.execute("PRAGMA page_count")
        [pages] = cursor.fetchone()
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(OperationalError, match="full"):
            recorder.drain()
        assert entries() == 600
        assert not Attempt.objects.exists()
        cursor.execute("PRAGMA max_page_count = 1073741823")
    recorder.drain()
    assert_recorded(jobs)


@pytest.mark.postgres_only
def test_a_deadlock_is_tried_again(recorder: Recorder) -> None:
    """Somebody else locks the jobs the other way round; whoever loses, the entries are recorded once."""
    first, last = sorted(factories.make_jobs(2), key=lambda job: job.id)
    run([first, last])
    has_last, errors = threading.Event(), []

    def somebody() -> None:
        try:
            with transaction.atomic():
                Job.objects.select_for_update().get(id=last.id)
                has_last.set()
                until(_somebody_waits, seconds=20, what="the recorder to wait for the last job")
                Job.objects.select_for_update().get(id=first.id)
        except DatabaseError as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=somebody)
    thread.start()
    assert has_last.wait(20)
    try:
        recorder.drain()
    except OperationalError as error:
        errors.append(error)
    thread.join(30)
    assert len(errors) == 1
    assert "deadlock" in str(errors[0])
    recorder.drain()
    assert_recorded([first, last])


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        [waiting] = cursor.fetchone()
    return bool(waiting)


@pytest.mark.postgres_only
def test_a_serialization_failure_is_tried_again(recorder: Recorder) -> None:
    [job] = factories.make_jobs(1)
    run([job])
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(
            "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE serialization_failure USING MESSAGE = 'could not serialize access'; END $$"
        )
        cursor.execute("CREATE TRIGGER meddle BEFORE UPDATE ON jobs_job FOR EACH ROW EXECUTE FUNCTION meddle()")
        try:
            with pytest.raises(OperationalError, match="serialize"):
                recorder.drain()
        finally:
            cursor.execute("DROP FUNCTION meddle CASCADE")
            cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED")
    assert entries() == 2
    recorder.drain()
    assert_recorded([job])
