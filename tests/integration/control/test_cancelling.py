"""Cancelling: the wish is kept whatever happens, won where it can be, and written down."""

# Shows guarantee 5 of docs/guarantees.md.

from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone

from jobs.broker import claims, connections, journal, mirror
from jobs.control import cancelling
from jobs.control.actions import ReasonInvalid
from jobs.control.cancelling import Cancelling, JobUnknown
from jobs.domain.actors import Actor
from jobs.domain.errors import NotAllowed, StateConflict
from jobs.domain.states import FINAL, State
from jobs.keeper import withdrawer
from jobs.keeper.recorder import Recorder
from jobs.models import Action, Job
from tests import factories
from tests.support import invariants
from tests.support.own_redis import own_redis
from tests.support.workers import Worker

ANN = Actor("ann", frozenset({"jobs.cancel_job"}), request_id="r-1")
WAITING = [State.SCHEDULED, State.QUEUED, State.RETRYING]


@pytest.fixture
def recorder() -> Recorder:
    journal.open_group(connections.patient())
    return Recorder()


@pytest.mark.parametrize("state", WAITING)
def test_a_waiting_job_is_revoked_at_once(recorder: Recorder, state: State) -> None:
    job = factories.make_job(state)
    assert cancelling.cancel(job.id, actor=ANN, reason="no use").status is Cancelling.REVOKED
    assert not Worker().start(job)
    recorder.drain()
    job.refresh_from_db()
    assert (job.state, job.cancel_requested_by, job.cancel_reason) == (State.CANCELLED, "ann", "no use")


def test_a_running_job_is_told_to_stop() -> None:
    job = factories.make_job(State.RUNNING)
    assert cancelling.cancel(job.id, actor=ANN).status is Cancelling.REVOKING
    assert mirror.is_to_stop(connections.patient(), job_id=job.id)
    job.refresh_from_db()
    assert job.state == State.RUNNING
    assert job.cancel_requested_at is not None


def test_a_job_that_starts_meanwhile_is_told_to_stop() -> None:
    job = factories.make_job()
    Worker().start(job)
    assert cancelling.cancel(job.id, actor=ANN).status is Cancelling.REVOKING
    assert mirror.is_to_stop(connections.patient(), job_id=job.id)


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_final_job_can_not_be_cancelled(state: State) -> None:
    job = factories.make_job(state)
    with pytest.raises(StateConflict, match=f"is {state} already"):
        cancelling.cancel(job.id, actor=ANN)
    assert not Action.objects.exists()
    job.refresh_from_db()
    assert job.cancel_requested_at is None


def test_an_unknown_job_is_named() -> None:
    unknown = uuid4()
    with pytest.raises(JobUnknown, match=str(unknown)):
        cancelling.cancel(unknown, actor=ANN)


def test_without_the_permission_nothing_happens() -> None:
    job = factories.make_job()
    with pytest.raises(NotAllowed, match="cancel_job"):
        cancelling.cancel(job.id, actor=Actor("eve", frozenset()))
    job.refresh_from_db()
    assert job.cancel_requested_at is None
    assert claims.look(connections.patient(), [(job.id, 1)]) == [None]


def test_the_action_says_who_why_and_what_changed() -> None:
    job = factories.make_job(State.SCHEDULED)
    cancelling.cancel(job.id, actor=ANN, reason="no use")
    action = Action.objects.get()
    assert (action.actor, action.verb, action.object, action.reason) == ("ann", "cancel", f"job:{job.id}", "no use")
    assert (action.before, action.after, action.request_id) == (
        {"state": "scheduled"},
        {"state": "cancelled"},
        "r-1",
    )


def test_asking_twice_is_one_action_and_one_answer() -> None:
    job = factories.make_job()
    answers = [cancelling.cancel(job.id, actor=ANN).status for _ in range(2)]
    assert answers == [Cancelling.REVOKED, Cancelling.REVOKED]
    assert Action.objects.count() == 1


@pytest.mark.parametrize("reason", ["x" * 501, "nul \x00", "half \ud800"])
def test_a_reason_nobody_could_keep_is_refused_before_anything_happens(reason: str) -> None:
    job = factories.make_job()
    with pytest.raises(ReasonInvalid):
        cancelling.cancel(job.id, actor=ANN, reason=reason)
    job.refresh_from_db()
    assert job.cancel_requested_at is None
    assert claims.look(connections.patient(), [(job.id, 1)]) == [None]


def test_a_cancel_with_redis_away_holds_when_it_is_back(tmp_path: Path) -> None:
    with own_redis(tmp_path) as server:
        job = factories.make_job()
        server.stop()
        assert cancelling.cancel(job.id, actor=ANN).status is Cancelling.REVOKING
        job.refresh_from_db()
        assert (job.state, job.cancel_requested_by) == (State.QUEUED, "ann")
        server.start()
        connections.forget()
        journal.open_group(connections.patient())
        assert withdrawer.cancel_again(timezone.now()) == 1
        assert not Worker().start(job)
        Recorder().drain()
    assert Job.objects.get(id=job.id).state == State.CANCELLED


def test_a_success_that_was_faster_stays_a_success(recorder: Recorder) -> None:
    job, worker = factories.make_job(), Worker()
    worker.start(job)
    worker.finish(job)
    cancelling.cancel(job.id, actor=ANN)
    withdrawer.cancel_again(timezone.now())
    recorder.drain()
    job.refresh_from_db()
    assert job.state == State.SUCCEEDED
    invariants.assert_all()
