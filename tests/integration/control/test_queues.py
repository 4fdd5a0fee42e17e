"""Pausing, resuming and purging a queue, each with its records."""

from pathlib import Path
from typing import cast

import pytest

from jobs.broker import connections, journal, mirror
from jobs.control import queues
from jobs.control.actions import ReasonInvalid
from jobs.domain.actors import Actor
from jobs.domain.errors import NotAllowed, StateConflict
from jobs.domain.states import State
from jobs.intake.registry import UnknownQueue
from jobs.keeper.recorder import Recorder
from jobs.models import Action, Job, Queue
from tests import factories
from tests.support import invariants
from tests.support.own_redis import own_redis

ANN = Actor("ann", frozenset({"jobs.pause_queue", "jobs.purge_queue"}))
NOBODY = Actor("eve", frozenset())


def mirrored() -> frozenset[str] | None:
    return mirror.read_paused(cast("str | None", connections.patient().get(mirror.paused_key())))


def test_a_paused_queue_is_known_in_sql_and_to_the_workers() -> None:
    queue = queues.pause("low", actor=ANN, reason="maintenance")
    assert (queue.paused_by, queue.paused_reason, queue.paused_at is not None) == ("ann", "maintenance", True)
    assert queues.paused_names() == {"low"}
    assert mirrored() == frozenset({"low"})


def test_a_resumed_queue_has_forgotten_its_pause() -> None:
    queues.pause("low", actor=ANN, reason="maintenance")
    queue = queues.resume("low", actor=ANN, reason="done")
    assert (queue.paused_by, queue.paused_reason, queue.paused_at) == ("", "", None)
    assert mirrored() == frozenset()


def test_pausing_and_resuming_are_written_down() -> None:
    queues.pause("low", actor=ANN, reason="maintenance")
    queues.resume("low", actor=ANN)
    found = Action.objects.order_by("id").values_list("actor", "verb", "object", "reason", "before", "after")
    assert list(found) == [
        ("ann", "pause", "queue:low", "maintenance", {"paused": False}, {"paused": True}),
        ("ann", "resume", "queue:low", "", {"paused": True}, {"paused": False}),
    ]


def test_a_queue_is_paused_or_resumed_once() -> None:
    with pytest.raises(StateConflict, match="not paused"):
        queues.resume("low", actor=ANN)
    queues.pause("low", actor=ANN, reason="")
    with pytest.raises(StateConflict, match="paused already"):
        queues.pause("low", actor=ANN, reason="")
    assert Action.objects.count() == 1


def test_a_queue_can_be_paused_while_redis_is_away(tmp_path: Path) -> None:
    with own_redis(tmp_path) as server:
        server.stop()
        queues.pause("low", actor=ANN, reason="")
    assert queues.paused_names() == {"low"}


def test_an_unknown_queue_and_a_missing_permission_are_refused() -> None:
    for act in (queues.pause, queues.resume, queues.purge):
        with pytest.raises(UnknownQueue):
            act("urgent", actor=ANN, reason="")
        with pytest.raises(NotAllowed):
            act("low", actor=NOBODY, reason="")
    assert not Queue.objects.exists()
    assert not Action.objects.exists()


@pytest.mark.parametrize("reason", ["x" * 501, "nul \x00"])
def test_a_reason_nobody_could_keep_is_refused(reason: str) -> None:
    factories.make_job(queue="low")
    for act in (queues.pause, queues.purge):
        with pytest.raises(ReasonInvalid):
            act("low", actor=ANN, reason=reason)
    assert queues.paused_names() == set()
    assert not Job.objects.flagged().exists()


def test_purging_cancels_what_waits_in_that_queue_and_nothing_else() -> None:
    journal.open_group(connections.patient())
    waiting = [factories.make_job(s, queue="low") for s in (State.SCHEDULED, State.QUEUED, State.RETRYING)]
    others = [factories.make_job(), factories.make_job(State.RUNNING, queue="low")]
    assert queues.purge("low", actor=ANN, reason="wrong data") == 3
    Recorder().drain()
    states = Job.objects.filter(id__in=factories.ids(waiting)).values_list("state", flat=True)
    assert set(states) == {State.CANCELLED}
    assert [Job.objects.get(id=job.id).state for job in others] == [State.QUEUED, State.RUNNING]
    assert Action.objects.filter(verb="purge", reason="wrong data").count() == 3


def test_more_than_a_batch_is_purged() -> None:
    journal.open_group(connections.patient())
    factories.make_jobs(501, queue="low")
    assert queues.purge("low", actor=ANN, reason="") == 501
    Recorder().drain()
    assert set(Job.objects.values_list("state", flat=True)) == {State.CANCELLED}
    invariants.assert_all()
