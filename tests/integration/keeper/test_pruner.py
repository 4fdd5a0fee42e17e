"""Retention: per queue and state, bodies before rows, never what somebody still needs, and in batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from dlq import discard
from jobs import checks
from jobs.domain.actors import CODE
from jobs.domain.states import State
from jobs.keeper import pruner
from jobs.keeper.pruner import Pruner
from jobs.models import Attempt, Chord, Job, Rollup
from tests import factories
from tests.support import invariants
from tests.support.waiting import until

NOW = timezone.now()
HOUR, DAY = 3_600, 86_400


@contextmanager
def keeping(**taskqueue: Any) -> Iterator[None]:
    with override_settings(TASKQUEUE={**settings.TASKQUEUE, **taskqueue}):
        yield


def ended(state: State = State.SUCCEEDED, *, days: float, **columns: Any) -> Job:
    return factories.make_job(state, now=NOW - timedelta(days=days), **columns)


def left() -> set[Any]:
    return set(Job.objects.values_list("id", flat=True))


def test_each_queue_and_state_has_its_own_time() -> None:
    gone = [ended(days=2, queue="low"), ended(State.CANCELLED, days=2), ended(days=40, queue="high")]
    kept = [ended(days=2), ended(State.CANCELLED, days=2, queue="high"), ended(days=0.5, queue="low")]
    exceptions = {"low/*": DAY, "default/cancelled": DAY}
    with keeping(KEEP_FINAL_SECONDS_OF=exceptions):
        assert pruner.prune(NOW).jobs == len(gone)
    assert left() == {job.id for job in kept}


def test_a_queue_that_is_no_longer_configured_is_pruned_too() -> None:
    [letter] = factories.make_letters(queue="default")
    Job.objects.filter(id=letter.job_id).update(queue="former")

    Rollup.objects.update(queue="former")
    job = ended(days=40, queue="former")
    pruner.prune(NOW)
    assert job.id not in left()


def test_discarded_letters_follow_the_time_of_the_dead() -> None:
    letters = factories.make_letters(2, queue="low")
    for letter in letters:
        discard.discard(letter.id, actor=CODE)
    with keeping(KEEP_FINAL_SECONDS_OF={"low/dead": HOUR}):
        assert pruner.preview(NOW + timedelta(hours=2)) == {("low", "dead"): (2, 0)}
        assert pruner.prune(NOW + timedelta(hours=2)).jobs == 2
    invariants.assert_all()


def test_an_open_letter_is_kept_whatever_the_settings_say() -> None:
    [letter] = factories.make_letters()
    with keeping(KEEP_FINAL_SECONDS=0, KEEP_FINAL_SECONDS_OF={"*/dead": 0}, KEEP_BODIES_SECONDS=0):
        pruner.prune(NOW + timedelta(days=1))
    assert letter.job_id in left()
    assert Job.objects.get().stripped_at is None


def test_bodies_go_before_their_rows() -> None:
    job = ended(days=2, payload={"to": "a@b.c"}, result={"sent": True})
    Attempt.objects.update(log="dialling", traceback="Traceback …")
    fresh = ended(days=0.1, payload={"to": "d@e.f"})
    with keeping(KEEP_BODIES_SECONDS=DAY):
        assert pruner.preview(NOW) == {("default", "succeeded"): (0, 1)}
        assert pruner.prune(NOW).bodies == 1
        assert pruner.prune(NOW).bodies == 0
    job.refresh_from_db()
    assert (job.payload, job.result, job.state, job.stripped_at) == ({}, None, State.SUCCEEDED, NOW)
    assert Attempt.objects.get(job=job).log == ""
    assert Attempt.objects.get(job=job).outcome == "succeeded"
    fresh.refresh_from_db()
    assert fresh.payload == {"to": "d@e.f"}


def test_a_chords_members_stay_until_its_body_is_submitted() -> None:
    member = ended(days=40, chord_id="c1")
    chord = Chord.objects.create(group_id="c1", size=2, body={}, body_id=member.id)
    pruner.prune(NOW)
    assert left() == {member.id}
    chord.submitted_at = NOW
    chord.save()
    pruner.prune(NOW)
    assert left() == set()


def test_a_batch_is_bounded_and_says_that_there_is_more() -> None:
    for _ in range(5):
        ended(days=40)
    with keeping(PRUNE_BATCH_SIZE=2):
        rounds = [pruner.prune(NOW) for _ in range(3)]
    assert [(done.jobs, done.is_more) for done in rounds] == [(2, True), (2, True), (1, False)]


def test_the_leader_prunes_batch_after_batch_and_then_rests() -> None:
    for _ in range(3):
        ended(days=40)
    duty = Pruner()
    with keeping(PRUNE_BATCH_SIZE=2):
        until(lambda: duty.run_once(NOW).jobs == 0, seconds=10, what="the duty to rest")
        assert left() == set()
        ended(days=40)
        assert duty.run_once(NOW).jobs == 0


def test_bodies_are_stripped_in_batches_each_once() -> None:
    for days in (5, 4, 3):
        ended(days=days)
    duty = Pruner()
    with keeping(PRUNE_BATCH_SIZE=2, KEEP_BODIES_SECONDS=DAY):
        until(lambda: duty.run_once(NOW).bodies == 0, seconds=10, what="the duty to rest")
    assert not Job.objects.filter(stripped_at__isnull=True).exists()


@pytest.mark.parametrize("exceptions", [{"low": 1}, {"low/lost": 1}, {"*/dead": -1}])
def test_a_keeping_time_that_means_nothing_is_refused(exceptions: dict[str, float]) -> None:
    with keeping(KEEP_FINAL_SECONDS_OF=exceptions):
        assert "taskqueue.E008" in [message.id for message in checks.check_settings(None)]
