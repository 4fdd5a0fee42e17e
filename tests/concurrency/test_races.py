"""A cancel, an expiry, a start and a rescue of one job at the same moment: one of them wins, the others know it."""

# Shows guarantees 2 and 3 of docs/guarantees.md.

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from jobs.broker import connections, journal
from jobs.control import cancelling
from jobs.control.cancelling import Answer
from jobs.domain.actors import CODE
from jobs.domain.errors import StateConflict
from jobs.domain.states import Outcome, State
from jobs.keeper import dispatcher, republisher, withdrawer
from jobs.keeper.recorder import Recorder
from jobs.keeper.rescuer import Rescuer
from jobs.lifecycle import moving
from jobs.models import Action, Attempt, Job
from tests import factories
from tests.support import invariants, messages, together
from tests.support.workers import Worker

pytestmark = pytest.mark.timeout(240)

NOW = timezone.now()
LONG_AGO = NOW - timedelta(minutes=1)


@pytest.fixture(autouse=True)
def recorder() -> Recorder:
    journal.open_group(connections.patient())
    return Recorder()


def started_by(worker: Worker, jobs: list[Job]) -> list[Job]:
    return [job for job in jobs if worker.start(job)]


def test_five_hundred_jobs_cancelled_as_they_start_are_never_both(recorder: Recorder) -> None:
    jobs, worker = factories.make_jobs(500), Worker()

    def cancel_all() -> list[Job]:
        for job in jobs:
            cancelling.cancel(job.id, actor=CODE)
        return []

    acts: list[Callable[[], list[Job]]] = [partial(started_by, worker, jobs[::-1]), cancel_all]
    executed, _ = together.run(acts)
    for job in executed:
        worker.finish(job, 1)
    recorder.drain()
    states = dict(Job.objects.values_list("id", "state"))
    ran = {job.id for job in executed}
    assert {states[job.id] for job in executed} <= {State.SUCCEEDED}
    assert {state for id_, state in states.items() if id_ not in ran} <= {State.CANCELLED}
    assert Attempt.objects.count() == len(executed)
    invariants.assert_all()


def test_five_hundred_jobs_expiring_as_they_start_are_never_both(recorder: Recorder) -> None:
    jobs, worker = factories.make_jobs(500, expires_at=LONG_AGO), Worker()

    def expire_all() -> list[Job]:
        withdrawer.expire(NOW)
        return []

    acts: list[Callable[[], list[Job]]] = [partial(started_by, worker, jobs[::-1]), expire_all]
    executed, _ = together.run(acts)
    for job in executed:
        worker.finish(job, 1)
    recorder.drain()
    ran = {job.id for job in executed}
    for id_, state in Job.objects.values_list("id", "state"):
        assert state == (State.SUCCEEDED if id_ in ran else State.EXPIRED)
    invariants.assert_all()


def test_many_workers_with_the_same_message_start_it_once(recorder: Recorder) -> None:
    jobs, workers = factories.make_jobs(50), [Worker() for _ in range(6)]
    won = together.run([partial(started_by, worker, jobs) for worker in workers])
    assert sorted(job.id for started in won for job in started) == sorted(job.id for job in jobs)
    recorder.drain()
    assert Attempt.objects.count() == 50
    invariants.assert_all(besides=("running_is_seen",))


def test_an_end_and_a_rescue_at_once_are_one_outcome(recorder: Recorder) -> None:
    jobs, worker, rescuer = factories.make_jobs(100), Worker(), Rescuer()
    for job in jobs:
        worker.start(job)
    recorder.drain()
    rescuer.run_once(NOW, clock=0.0)

    def finish_all() -> int:
        return sum(worker.finish(job, 1) for job in jobs[::-1])

    acts: list[Callable[[], int]] = [finish_all, partial(rescuer.run_once, NOW, clock=9.0)]
    finished, rescued = together.run(acts)
    recorder.drain()
    assert finished + rescued == 100
    assert Attempt.objects.filter(outcome=Outcome.SUCCEEDED).count() == finished
    assert Attempt.objects.filter(outcome=Outcome.LOST).count() == rescued
    invariants.assert_all()


def test_two_dispatchers_at_once_publish_every_job_once() -> None:
    jobs = factories.make_jobs(200, State.SCHEDULED, run_at=LONG_AGO)
    dispatched = together.run([partial(dispatcher.dispatch, NOW)] * 3)
    assert sum(dispatched) == 200
    assert sorted(messages.ids()) == sorted(factories.ids(jobs))
    invariants.assert_all()


def test_two_leaders_by_accident_do_not_fill_the_queue_beyond_its_rows() -> None:
    factories.make_jobs(100, now=LONG_AGO)
    together.run([partial(republisher.republish, NOW)] * 2)
    assert 100 <= len(messages.ids()) <= 200
    assert len(set(messages.ids())) == 100
    assert republisher.republish(NOW + timedelta(minutes=5)) == 0


def test_a_dead_job_is_requeued_once_however_many_ask() -> None:
    job = factories.make_job(State.DEAD)
    won = together.run([partial(moving.requeue, [job], now=NOW)] * 6)
    assert sum(len(jobs) for jobs in won) == 1


def test_a_cancel_asked_by_many_at_once_is_one_action() -> None:
    job = factories.make_job()
    answers: list[Answer] = together.run([partial(cancelling.cancel, job.id, actor=CODE)] * 6)
    assert {answer.status for answer in answers} == {cancelling.Cancelling.REVOKED}
    assert Action.objects.filter(verb="cancel").count() == 1


def test_recording_and_dispatching_and_cancelling_at_once_end_in_order(recorder: Recorder) -> None:
    jobs, worker = factories.make_jobs(60, State.SCHEDULED, run_at=LONG_AGO), Worker()
    executed: list[Job] = []

    def work() -> None:
        for job in jobs:
            if worker.start(job):
                worker.finish(job, 1)
                executed.append(job)

    def cancel_some() -> None:
        for job in jobs[::3]:
            if Job.objects.get(id=job.id).state in {State.SCHEDULED, State.QUEUED, State.RUNNING}:
                _cancel(job)

    def lead() -> None:
        for _ in range(5):
            dispatcher.dispatch(NOW)
            withdrawer.cancel_again(NOW)

    acts: list[Callable[[], object]] = [work, cancel_some, lead, recorder.drain, Recorder().drain]
    together.run(acts)
    recorder.drain()
    ran = {job.id for job in executed}
    for id_, state in Job.objects.values_list("id", "state"):
        assert state == (State.SUCCEEDED if id_ in ran else State.CANCELLED)
    invariants.assert_all()


def _cancel(job: Job) -> None:
    try:
        cancelling.cancel(job.id, actor=CODE)
    except StateConflict:
        return
