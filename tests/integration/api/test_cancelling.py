"""Cancelling over HTTP: what the answer says, how long it waits, and what a final job answers."""

import time
import uuid
from typing import Any

import pytest

from jobs.api import cancel
from jobs.broker import connections
from jobs.control.cancelling import Cancelling
from jobs.domain.states import FINAL, State
from jobs.models import Action, Job
from tests import factories
from tests.integration.api.conftest import Caller


@pytest.fixture(autouse=True)
def _short_waits(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TASKQUEUE = {**settings.TASKQUEUE, "CANCEL_WAIT_SECONDS": 0.2}
    monkeypatch.setattr(cancel, "_RECORDED_WITHIN_SECONDS", 0.1)


@pytest.mark.parametrize("state", [State.SCHEDULED, State.QUEUED, State.RETRYING])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_waiting_task_is_revoked_at_once(operator: Caller, state: State, slash: str) -> None:
    job = factories.make_job(state)
    answer = operator.delete(f"/api/tasks/{job.id}/cancel{slash}")
    assert (answer.status_code, answer.json()) == (200, {"task_id": str(job.id), "status": "revoked"})
    action = Action.objects.get(object=f"job:{job.id}")
    assert (action.actor, action.verb) == ("operator", "cancel")


def test_a_running_task_that_does_not_stop_in_time_is_being_revoked(operator: Caller) -> None:
    job = factories.make_job(State.RUNNING)
    began_at = time.monotonic()
    answer = operator.delete(f"/api/tasks/{job.id}/cancel", {"reason": "too slow"})
    assert (answer.status_code, answer.json()) == (202, {"task_id": str(job.id), "status": "revoking"})
    assert time.monotonic() - began_at >= 0.2
    assert Job.objects.get(id=job.id).cancel_reason == "too slow"


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_final_task_is_a_conflict(operator: Caller, state: State) -> None:
    job = factories.make_job(state)
    answer = operator.delete(f"/api/tasks/{job.id}/cancel")
    assert answer.status_code == 409
    assert state in answer.json()["detail"]


def test_a_success_that_was_faster_is_a_conflict(operator: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    job = factories.make_job(State.RUNNING)
    monkeypatch.setattr(cancel, "_wait_for_end", lambda _id, **_wait: State.SUCCEEDED)
    assert operator.delete(f"/api/tasks/{job.id}/cancel").status_code == 409


def test_the_end_is_seen_as_soon_as_it_is_recorded() -> None:
    job = factories.make_job(State.RUNNING)
    waits: list[float] = []

    def move_on(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            Job.objects.filter(id=job.id).delete()
            factories.make_job(State.CANCELLED, id=job.id)

    assert cancel._wait_for_end(job.id, seconds=10, sleep=move_on) == State.CANCELLED
    assert len(waits) == 2


def test_with_redis_away_the_wish_stands(operator: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    job = factories.make_job(State.QUEUED)
    monkeypatch.setattr(connections, "hasty", _away)
    answer = operator.delete(f"/api/tasks/{job.id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, Cancelling.REVOKING)
    assert Job.objects.get(id=job.id).cancel_requested_by == "operator"


def _away() -> Any:
    raise ConnectionRefusedError("nobody listens")


def test_two_who_cancel_at_once_both_get_an_answer(operator: Caller) -> None:
    job = factories.make_job(State.QUEUED)
    assert operator.delete(f"/api/tasks/{job.id}/cancel").status_code == 200
    assert operator.delete(f"/api/tasks/{job.id}/cancel").status_code == 200
    assert Action.objects.filter(object=f"job:{job.id}").count() == 1


def test_the_id_may_be_written_without_hyphens(operator: Caller) -> None:
    job = factories.make_job(State.QUEUED)
    answer = operator.delete(f"/api/tasks/{uuid.UUID(str(job.id)).hex.upper()}/cancel")
    assert answer.json()["task_id"] == str(job.id)
