"""Never silent: what waits for a person is kept, counted in the keeper's sample, and checked by verify."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from dlq import discard, requeue
from dlq.models import DeadLetter, Group, GroupCount, OperationItem
from jobs.broker import connections
from jobs.domain.actors import CODE
from jobs.keeper import pruner, sampler
from jobs.keeper.loop import Keeper
from jobs.lifecycle import recording
from jobs.models import Job
from tests import factories
from tests.support import invariants

YEARS = timedelta(days=1_000)


def test_an_open_letter_outlives_every_retention() -> None:
    [letter] = factories.make_letters()
    pruner.prune(timezone.now() + YEARS)
    assert DeadLetter.objects.get().id == letter.id
    assert Job.objects.count() == 1


def test_a_discarded_letter_goes_with_its_job_when_its_time_has_come() -> None:
    [letter] = factories.make_letters()
    discard.discard(letter.id, actor=CODE)
    pruner.prune(timezone.now() + timedelta(days=1))
    assert DeadLetter.objects.count() == 1
    pruner.prune(timezone.now() + YEARS)
    assert (Job.objects.count(), DeadLetter.objects.count()) == (0, 0)
    assert Group.objects.get().discarded == 1
    invariants.assert_all()


def test_a_letter_that_was_requeued_and_is_open_again_keeps_its_job() -> None:
    [letter] = factories.make_letters()
    requeue.requeue(letter.id, actor=CODE)
    recording.record([factories.started(letter.job, 2), factories.buried(letter.job, 2)])
    pruner.prune(timezone.now() + YEARS)
    assert DeadLetter.objects.count() == 2


def test_pruning_takes_old_counts_and_leaves_items_of_operations() -> None:
    factories.make_letters()
    pruner.prune(timezone.now() + YEARS)
    assert GroupCount.objects.count() == 0
    assert OperationItem.objects.count() == 0


def test_the_keepers_sample_counts_open_letters_and_the_age_of_the_oldest() -> None:
    long_ago = timezone.now() - timedelta(hours=2)
    factories.make_letters(2, at_ms=factories.milliseconds(long_ago))
    [decided] = factories.make_letters()
    discard.discard(decided.id, actor=CODE)
    pulse = sampler.sample(timezone.now())
    assert (pulse.dead_letters_open, pulse.groups_undecided) == (2, 1)
    assert pulse.dead_letters_oldest_seconds == pytest.approx(7_200, abs=60)
    kept = sampler.read_sample(connections.patient())
    assert kept is not None
    assert kept["dead_letters_open"] == 2


def test_a_keeper_has_the_duties_of_the_dead_letters() -> None:
    names = [duty.name for duty in Keeper().duties()]
    assert [name for name in names if name in {"run operations", "end mutes", "announce groups"}] == [
        "run operations",
        "end mutes",
        "announce groups",
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "tamper",
    [
        lambda: Group.objects.update(open=2),
        lambda: Group.objects.update(total=0),
        lambda: Group.objects.update(requeued=7),
    ],
)
def test_verify_names_a_group_that_does_not_add_up(tamper: Callable[[], object]) -> None:
    factories.make_letters()
    assert invariants.broken() == []
    tamper()
    [finding] = invariants.broken()
    assert (finding.check, finding.object) == ("groups_add_up", f"group:{Group.objects.get().fingerprint}")
