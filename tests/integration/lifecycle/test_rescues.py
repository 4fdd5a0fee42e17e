"""A rescue is something the keeper did: an Action in the transaction that records it, once."""

from dataclasses import replace

from jobs.broker import entries
from jobs.domain.states import Outcome
from jobs.lifecycle import recording
from jobs.models import Action
from tests import factories


def test_a_rescue_leaves_one_action_however_often_it_is_recorded() -> None:
    job = factories.make_job()
    rescue = replace(factories.ended(job, outcome=Outcome.LOST), rescued=True)
    for _ in range(2):
        recording.record([factories.started(job), rescue])
    action = Action.objects.get()
    assert (action.actor, action.verb, action.object) == ("keeper", "rescue", f"job:{job.id}")
    assert action.before == {"attempt": 1, "outcome": "running", "worker": "worker@test", "pid": 4711}
    assert action.after == {"attempt": 1, "outcome": "lost", "state": "retrying"}
    assert action.reason == "it broke"


def test_a_loss_that_its_own_worker_noticed_is_no_rescue() -> None:
    job = factories.make_job()
    recording.record([factories.started(job), factories.ended(job, outcome=Outcome.LOST)])
    assert Action.objects.count() == 0


def test_a_rescue_that_came_too_late_rescued_nobody() -> None:
    job = factories.make_job()
    recording.record([factories.started(job), factories.ended(job)])
    recording.record([replace(factories.ended(job, outcome=Outcome.LOST), rescued=True)])
    assert Action.objects.count() == 0


def test_the_journal_carries_who_ended_it() -> None:
    job = factories.make_job()
    for rescued in (True, False):
        ended = replace(factories.ended(job, outcome=Outcome.LOST), rescued=rescued)
        fields = {"k": "ended", "j": str(job.id), "n": "1", "t": "1", "b": entries.ended_body(ended)}
        assert entries.read(fields).rescued is rescued  # type: ignore[union-attr]
