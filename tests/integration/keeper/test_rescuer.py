"""Rescue: a worker that stands still, by this leader's own clock and while Redis answered, has lost its attempts."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from dlq.models import DeadLetter
from jobs import conf
from jobs.broker import claims, connections, heartbeats, journal
from jobs.domain.states import Burial, Outcome, State
from jobs.keeper.recorder import Recorder
from jobs.keeper.rescuer import Rescuer
from jobs.models import Job
from tests import factories
from tests.support import invariants
from tests.support.own_redis import own_redis
from tests.support.workers import Worker

NOW = timezone.now()


@pytest.fixture
def recorder() -> Recorder:
    journal.open_group(connections.patient())
    return Recorder()


@pytest.fixture
def rescuer() -> Rescuer:
    return Rescuer()


def running(recorder: Recorder, worker: Worker, **columns: Any) -> Job:
    job = factories.make_job(**columns)
    worker.start(job)
    worker.beat()
    recorder.drain()
    job.refresh_from_db()
    assert job.state == State.RUNNING
    return job


def outcomes(job: Job) -> list[str]:
    return list(job.attempts.values_list("outcome", flat=True))


def test_a_worker_that_stands_still_for_eight_seconds_has_lost_its_attempts(
    recorder: Recorder, rescuer: Rescuer
) -> None:
    job = running(recorder, Worker())
    assert [rescuer.run_once(NOW, clock=clock) for clock in (0.0, 4.0, 8.0, 8.1)] == [0, 0, 0, 1]
    recorder.drain()
    job.refresh_from_db()
    assert (job.state, job.losses, outcomes(job)) == (State.RETRYING, 1, [Outcome.LOST])
    assert "was not heard of" in job.error
    invariants.assert_all()


def test_a_worker_that_beats_keeps_its_attempts(recorder: Recorder, rescuer: Rescuer) -> None:
    worker = Worker()
    running(recorder, worker)
    for clock in range(0, 60, 2):
        worker.beat()
        assert rescuer.run_once(NOW, clock=clock) == 0


def test_a_worker_that_never_beat_is_given_eight_seconds_too(recorder: Recorder, rescuer: Rescuer) -> None:
    job, worker = factories.make_job(), Worker()
    worker.start(job)
    recorder.drain()
    assert [rescuer.run_once(NOW, clock=clock) for clock in (0.0, 8.0, 8.5)] == [0, 0, 1]


def test_a_new_leader_has_seen_nobody_stand_still(recorder: Recorder) -> None:
    running(recorder, Worker())
    first, second = Rescuer(), Rescuer()
    first.run_once(NOW, clock=0.0)
    assert second.run_once(NOW, clock=100.0) == 0
    assert second.run_once(NOW, clock=108.1) == 1


def test_an_outage_of_redis_starts_the_count_again(recorder: Recorder, rescuer: Rescuer) -> None:
    running(recorder, Worker())
    rescuer.run_once(NOW, clock=0.0)
    rescuer.start_over()
    assert [rescuer.run_once(NOW, clock=clock) for clock in (100.0, 108.0, 108.1)] == [0, 0, 1]


def test_a_restart_of_redis_makes_no_running_job_lost(rescuer: Rescuer, tmp_path: Path) -> None:
    with own_redis(tmp_path) as server:
        journal.open_group(connections.patient())
        running(Recorder(), Worker())
        assert rescuer.run_once(NOW, clock=0.0) == 0
        server.stop()
        server.start()
        connections.forget()
        assert rescuer.run_once(NOW, clock=100.0) == 0
        assert rescuer.run_once(NOW, clock=107.0) == 0
        assert rescuer.run_once(NOW, clock=108.1) == 1


def test_an_attempt_its_worker_lists_no_more_is_rescued_after_two_beats(recorder: Recorder, rescuer: Rescuer) -> None:
    worker = Worker(counter=10)
    job = running(recorder, worker)
    worker.running.clear()
    worker.beat()
    attempt = job.attempts.get()
    assert attempt.beat == 10
    assert rescuer.run_once(NOW, clock=0.0) == 1


def test_an_attempt_that_has_just_started_need_not_be_listed_yet(recorder: Recorder, rescuer: Rescuer) -> None:
    worker = Worker(counter=10)
    worker.beat()
    job = factories.make_job()
    worker.start(job)
    recorder.drain()
    worker.running.clear()
    worker.beat()
    assert rescuer.run_once(NOW, clock=0.0) == 0
    worker.beat()
    assert rescuer.run_once(NOW, clock=1.0) == 1


def test_an_outcome_that_is_on_its_way_is_waited_for(recorder: Recorder, rescuer: Rescuer) -> None:
    """A success journalled before its worker died is never run again, however late the keeper."""
    worker = Worker()
    job = running(recorder, worker)
    worker.finish(job, 1)
    rescuer.run_once(NOW, clock=0.0)
    assert rescuer.run_once(NOW, clock=1_000.0) == 0
    recorder.drain()
    job.refresh_from_db()
    assert (job.state, outcomes(job)) == (State.SUCCEEDED, [Outcome.SUCCEEDED])


def test_a_rescued_worker_that_comes_back_is_only_noted(recorder: Recorder, rescuer: Rescuer) -> None:
    worker = Worker()
    job = running(recorder, worker)
    rescuer.run_once(NOW, clock=0.0)
    rescuer.run_once(NOW, clock=9.0)
    assert not worker.finish(job, 1)
    recorder.drain()
    assert outcomes(job) == [Outcome.LOST]


def test_the_third_loss_buries_the_job(recorder: Recorder, rescuer: Rescuer) -> None:
    job = factories.make_job()
    for number in (1, 2, 3):
        worker = Worker()
        worker.start(job, number)
        recorder.drain()
        rescuer.run_once(NOW, clock=number * 100.0)
        assert rescuer.run_once(NOW, clock=number * 100.0 + 9) == 1
        recorder.drain()
    job.refresh_from_db()
    assert (job.state, job.losses) == (State.DEAD, conf.current().MAX_LOST)
    assert DeadLetter.objects.get().reason == Burial.CRASH_LOOP
    invariants.assert_all()


def test_a_claim_redis_has_lost_does_not_keep_from_rescuing(recorder: Recorder, rescuer: Rescuer) -> None:
    job = running(recorder, Worker())
    connections.patient().flushall()
    journal.open_group(connections.patient())
    rescuer.run_once(NOW, clock=0.0)
    assert rescuer.run_once(NOW, clock=9.0) == 1
    recorder.drain()
    assert outcomes(job) == [Outcome.LOST]


def test_two_leaders_by_accident_rescue_once(recorder: Recorder) -> None:
    job = running(recorder, Worker())
    leaders = [Rescuer(), Rescuer()]
    for leader in leaders:
        leader.run_once(NOW, clock=0.0)
    assert sorted(leader.run_once(NOW, clock=9.0) for leader in leaders) == [0, 1]
    recorder.drain()
    assert outcomes(job) == [Outcome.LOST]


def test_a_worker_gone_for_an_hour_is_forgotten(recorder: Recorder, rescuer: Rescuer) -> None:
    worker = Worker()
    worker.beat()
    rescuer.run_once(NOW, clock=0.0)
    rescuer.run_once(NOW, clock=3_500.0)
    assert worker.incarnation in heartbeats.all_of(connections.patient())
    rescuer.run_once(NOW, clock=3_700.0)
    assert worker.incarnation not in heartbeats.all_of(connections.patient())


def test_rescue_leaves_the_claim_over(recorder: Recorder, rescuer: Rescuer) -> None:
    job = running(recorder, Worker())
    rescuer.run_once(NOW, clock=0.0)
    rescuer.run_once(NOW, clock=9.0)
    [holder] = claims.look(connections.patient(), [(job.id, 1)])
    assert holder is not None
    assert (holder.state, holder.ended) == (claims.OVER, Outcome.LOST)
