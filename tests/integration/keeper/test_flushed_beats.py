"""FLUSHALL takes the beats along: that is neither a sign of life nor of death."""

from django.utils import timezone

from jobs.broker import connections, journal
from jobs.domain.states import State
from jobs.keeper.recorder import Recorder
from jobs.keeper.rescuer import Rescuer
from jobs.models import Job
from tests import factories
from tests.support.workers import Worker

NOW = timezone.now()


def running(worker: Worker) -> Job:
    journal.open_group(connections.patient())
    job = factories.make_job()
    worker.start(job)
    worker.beat()
    Recorder().drain()
    job.refresh_from_db()
    assert job.state == State.RUNNING
    return job


def test_a_flush_does_not_give_a_dead_worker_another_eight_seconds() -> None:
    running(Worker())
    rescuer = Rescuer()
    assert [rescuer.run_once(NOW, clock=clock) for clock in (0.0, 5.0)] == [0, 0]
    connections.patient().flushall()
    assert [rescuer.run_once(NOW, clock=clock) for clock in (6.0, 8.1)] == [0, 1]


def test_a_live_worker_that_beats_again_after_a_flush_keeps_its_attempts() -> None:
    worker = Worker()
    running(worker)
    rescuer = Rescuer()
    assert [rescuer.run_once(NOW, clock=clock) for clock in (0.0, 5.0)] == [0, 0]
    connections.patient().flushall()
    assert rescuer.run_once(NOW, clock=6.0) == 0
    worker.beat()
    assert [rescuer.run_once(NOW, clock=clock) for clock in (7.0, 14.0)] == [0, 0]
