"""The moves SQL decides, each guarded by the state it leaves."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.domain.states import State
from jobs.lifecycle import moving
from jobs.models import Job, Rollup
from jobs.models.rollup import ALL_TIME
from tests import factories

NOW = timezone.now()
PAST, FUTURE = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)


def test_a_job_for_later_is_scheduled_and_a_past_date_means_now() -> None:
    assert moving.initial_state(run_at=FUTURE, now=NOW) is State.SCHEDULED
    assert moving.initial_state(run_at=PAST, now=NOW) is State.QUEUED
    assert moving.initial_state(run_at=NOW, now=NOW) is State.QUEUED
    assert moving.initial_state(run_at=None, now=NOW) is State.QUEUED


@pytest.mark.parametrize("state", [State.SCHEDULED, State.RETRYING])
def test_what_is_due_is_queued_with_fresh_stamps(state: State) -> None:
    job = factories.make_job(state, run_at=NOW, published_at=None)
    [due] = moving.make_due(now=NOW, limit=10)
    job.refresh_from_db()
    assert due.id == job.id
    assert (job.state, job.queued_at, job.published_at) == (State.QUEUED, NOW, NOW)
    assert (due.state, due.published_at) == (State.QUEUED, NOW)


def test_what_is_not_due_stays_where_it_is() -> None:
    factories.make_job(State.SCHEDULED, run_at=FUTURE)
    assert moving.make_due(now=NOW, limit=10) == []


def test_a_flagged_job_is_never_made_due() -> None:
    factories.make_job(State.SCHEDULED, run_at=PAST, cancel_requested_at=NOW)
    assert moving.make_due(now=NOW, limit=10) == []


def test_the_oldest_come_first_and_no_more_than_the_limit() -> None:
    dates = [NOW - timedelta(seconds=age) for age in (1, 3, 2)]
    jobs = [factories.make_job(State.SCHEDULED, run_at=date) for date in dates]
    assert [job.id for job in moving.make_due(now=NOW, limit=2)] == [jobs[1].id, jobs[2].id]


def test_only_jobs_still_queued_are_stamped_as_published() -> None:
    queued, running = factories.make_job(), factories.make_job(State.RUNNING)
    before = running.published_at
    stamped = moving.stamp_published([running, queued], now=NOW)
    assert [job.id for job in stamped] == [queued.id]
    assert stamped[0].published_at == NOW
    running.refresh_from_db()
    assert running.published_at == before


def test_stamped_jobs_keep_the_order_they_were_given_in() -> None:
    jobs = factories.make_jobs(5)[::-1]
    assert [job.id for job in moving.stamp_published(jobs, now=NOW)] == [job.id for job in jobs]


def test_a_requeued_job_has_its_full_budget_again() -> None:
    dead = factories.make_job(
        State.DEAD, failures=4, losses=2, unknowns=1, cancel_requested_at=NOW, cancel_requested_by="ann"
    )
    [job] = moving.requeue([dead], now=NOW)
    for seen in (job, Job.objects.get(id=dead.id)):
        assert (seen.state, seen.failures, seen.losses, seen.unknowns) == (State.QUEUED, 0, 0, 0)
        assert (seen.finished_at, seen.queued_at, seen.published_at) == (None, NOW, NOW)
        assert (seen.cancel_requested_at, seen.cancel_requested_by) == (None, "")
        assert seen.next_attempt == 2
    assert Rollup.objects.get(minute=ALL_TIME).counts == {"requeued": 1}


@pytest.mark.parametrize("state", [s for s in State if s is not State.DEAD])
def test_only_the_dead_can_be_requeued(state: State) -> None:
    job = factories.make_job(state)
    assert moving.requeue([job], now=NOW) == []
    assert Job.objects.get(id=job.id).state == state
    assert not Rollup.objects.exists()


def test_a_job_is_requeued_once_however_many_ask() -> None:
    job = factories.make_job(State.DEAD)
    also = Job.objects.get(id=job.id)
    assert [len(moving.requeue([job], now=NOW)), len(moving.requeue([also], now=NOW))] == [1, 0]
