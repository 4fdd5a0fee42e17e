"""A batch of journal entries becomes rows in one transaction: locked, applied, counted, buried, all or nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from dlq import burial
from dlq.models import DeadLetter, Resolution
from jobs import signals
from jobs.domain.journal import Failure, Progressed
from jobs.domain.retry import Budget, Next, Verdict
from jobs.domain.states import Burial, Event, Outcome, State
from jobs.lifecycle import recording
from jobs.lifecycle.applying import JobEntry
from jobs.models import Attempt, Job, Rollup
from jobs.models.rollup import ALL_TIME
from jobs.signals import Buried
from tests import factories
from tests.support import invariants


@contextmanager
def connected(signal: Any, receiver: Any) -> Iterator[None]:
    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)


def test_a_start_makes_the_job_running_with_its_attempt() -> None:
    job = factories.make_job()
    recording.record([factories.started(job)])
    job.refresh_from_db()
    attempt = job.attempts.get()
    assert (job.state, job.attempt, job.closed, job.started_at) == (State.RUNNING, 1, 0, attempt.started_at)
    assert (attempt.outcome, attempt.worker, attempt.pid) == (Outcome.RUNNING, "worker@test", 4711)
    assert attempt.wait_seconds == pytest.approx(0.1)


def test_a_success_finishes_the_job_with_its_result() -> None:
    job = factories.make_job()
    recorded = recording.record([factories.started(job), factories.ended(job, result={"answer": 42})])
    job.refresh_from_db()
    attempt = job.attempts.get()
    assert (job.state, job.closed, job.result, job.finished_at) == (
        State.SUCCEEDED,
        1,
        {"answer": 42},
        attempt.finished_at,
    )
    assert (attempt.outcome, attempt.run_seconds) == (Outcome.SUCCEEDED, 0.25)
    assert recorded.over == [(str(job.id), 1)]
    invariants.assert_all()


def test_a_failure_waits_for_its_retry_and_uses_up_the_budget() -> None:
    job = factories.make_job()
    recording.record([factories.started(job), factories.ended(job, outcome=Outcome.FAILED)])
    job.refresh_from_db()
    attempt = job.attempts.get()
    assert (job.state, job.failures, job.finished_at) == (State.RETRYING, 1, None)
    assert (job.error_type, job.error) == ("Oops", "it broke")
    assert attempt.finished_at is not None
    assert job.run_at == attempt.retry_at == attempt.finished_at + timedelta(seconds=2)
    assert attempt.traceback == "Traceback …"


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.INTERRUPTED])
def test_a_loss_or_an_interruption_is_due_again_at_once(outcome: Outcome) -> None:
    job = factories.make_job()
    recording.record([factories.started(job), factories.ended(job, outcome=outcome)])
    job.refresh_from_db()
    assert (job.state, job.failures, job.losses) == (State.RETRYING, 0, int(outcome is Outcome.LOST))
    assert job.run_at == job.attempts.get().finished_at


def test_the_error_of_an_old_attempt_is_gone_from_a_job_that_succeeded() -> None:
    job = factories.make_job()
    recording.record([factories.ended(job, outcome=Outcome.FAILED), factories.ended(job, 2)])
    job.refresh_from_db()
    assert (job.state, job.error_type, job.error) == (State.SUCCEEDED, "", "")


def test_the_next_start_takes_over_from_an_attempt_whose_end_is_still_on_its_way() -> None:
    job = factories.make_job()
    recording.record([factories.started(job)])
    recording.record([factories.started(job, 2)])
    job.refresh_from_db()
    assert [(a.number, a.outcome) for a in job.attempts.all()] == [(1, ""), (2, Outcome.RUNNING)]
    assert (job.state, job.attempt) == (State.RUNNING, 2)
    recording.record([factories.ended(job, 1, outcome=Outcome.LOST)])
    assert [a.outcome for a in job.attempts.all()] == [Outcome.LOST, Outcome.RUNNING]


def test_an_outcome_after_the_end_is_shown_as_late_and_moves_nothing() -> None:
    job = factories.make_job()
    recording.record([factories.started(job), factories.ended(job, outcome=Outcome.LOST)])
    recording.record([factories.late(job, outcome=Outcome.SUCCEEDED)])
    job.refresh_from_db()
    attempt = job.attempts.get()
    assert (job.state, attempt.outcome, attempt.late_outcome) == (State.RETRYING, Outcome.LOST, Outcome.SUCCEEDED)


def test_a_second_outcome_of_an_attempt_is_late_too() -> None:
    """Only a Redis that lost its claims lets two of them through."""
    job = factories.make_job()
    recording.record([factories.ended(job, outcome=Outcome.LOST), factories.ended(job, outcome=Outcome.SUCCEEDED)])
    attempt = job.attempts.get()
    assert (attempt.outcome, attempt.late_outcome) == (Outcome.LOST, Outcome.SUCCEEDED)


@pytest.mark.parametrize("event", [Event.CANCELLED, Event.EXPIRED])
def test_a_withdrawn_job_never_starts(event: Event) -> None:
    job = factories.make_job()
    recorded = recording.record([factories.withdrawn(job, event=event)])
    job.refresh_from_db()
    assert (job.state, job.attempt, job.finished_at is not None) == (event.value, 0, True)
    assert not job.attempts.exists()
    assert recorded.over == [(str(job.id), 1)]


def test_a_start_that_lost_against_a_cancel_changes_nothing() -> None:
    job = factories.make_job(State.CANCELLED)
    recording.record([factories.withdrawn(job)])
    job.refresh_from_db()
    assert job.state == State.CANCELLED


def test_progress_is_shown_while_the_attempt_runs_and_not_after_it() -> None:
    job = factories.make_job()
    recording.record([factories.started(job), Progressed(str(job.id), 1, factories.now_ms(), 40.0, "collecting")])
    job.refresh_from_db()
    assert (job.progress_percent, job.progress_message) == (40.0, "collecting")
    recording.record([factories.ended(job), Progressed(str(job.id), 1, factories.now_ms(), 60.0, "too late")])
    job.refresh_from_db()
    assert (job.progress_percent, job.progress_message) == (100.0, "collecting")


def test_a_new_attempt_begins_without_progress() -> None:
    job = factories.make_job(State.QUEUED, progress_percent=80.0, progress_message="nearly", attempt=1, closed=1)
    recording.record([factories.started(job, 2)])
    job.refresh_from_db()
    assert (job.progress_percent, job.progress_message) == (None, "")


def test_an_entry_no_job_stands_behind_is_an_orphan() -> None:
    job, stranger = factories.make_job(), factories.build_job()
    entry = factories.ended(stranger)
    recorded = recording.record([factories.started(job), entry])
    assert recorded.orphans == [entry]
    assert Attempt.objects.count() == 1


def test_a_death_is_buried_in_the_same_transaction() -> None:
    job = factories.make_job(payload={"to": "a@b.c"})
    recording.record([factories.started(job), factories.buried(job)])
    letter = DeadLetter.objects.get()
    assert (letter.job_id, letter.reason, letter.resolution) == (job.id, Burial.EXHAUSTED, Resolution.OPEN)
    assert (letter.error_type, letter.error, letter.traceback) == ("Oops", "it broke", "Traceback …")
    assert (letter.payload, letter.attempts) == ({"to": "a@b.c"}, 1)
    invariants.assert_all()


def test_a_death_read_twice_is_buried_once() -> None:
    job = factories.make_job()
    entry = factories.buried(job)
    recording.record([entry, entry])
    recording.record([entry])
    assert DeadLetter.objects.count() == 1
    assert Rollup.objects.get(minute=ALL_TIME).counts["dead"] == 1


@pytest.mark.parametrize("signal", [signals.jobs_buried, signals.jobs_ended])
def test_a_receiver_that_fails_rolls_everything_back(signal: Any) -> None:
    job = factories.make_job(follows={"link": []}, group_id="g")

    def fail(**_kwargs: Any) -> None:
        raise ConnectionError("no")

    with connected(signal, fail), pytest.raises(ConnectionError):
        recording.record([factories.started(job), factories.buried(job)])
    job.refresh_from_db()
    assert job.state == State.QUEUED
    assert [model.objects.count() for model in (Attempt, Rollup, DeadLetter)] == [0, 0, 0]


def test_a_refused_row_rolls_the_whole_batch_back() -> None:
    jobs = factories.make_jobs(3)
    burial.bury([Buried(jobs[1], Burial.EXHAUSTED, Failure("E", "m"), jobs[1].created_at)])
    second_open_letter = factories.buried(jobs[1])
    with pytest.raises(IntegrityError), transaction.atomic():
        recording.record([factories.ended(jobs[0]), second_open_letter, factories.ended(jobs[2])])
    assert set(Job.objects.values_list("state", flat=True)) == {State.QUEUED}
    assert not Rollup.objects.exists()


def test_requeued_jobs_live_on_past_the_journal_of_their_first_life() -> None:
    job = factories.make_job()
    first_life: list[JobEntry] = [factories.started(job), factories.buried(job)]
    recording.record(first_life)
    Job.objects.filter(id=job.id).update(
        state=State.QUEUED, finished_at=None, failures=0, queued_at=job.created_at, published_at=job.created_at
    )
    recording.record(first_life)
    job.refresh_from_db()
    assert (job.state, job.attempt) == (State.QUEUED, 1)
    recording.record([factories.started(job, 2), *first_life, factories.ended(job, 2)])
    job.refresh_from_db()
    assert (job.state, job.attempt) == (State.SUCCEEDED, 2)
    assert DeadLetter.objects.count() == 1


def test_a_verdict_to_bury_always_has_its_reason() -> None:
    job = factories.make_job()
    verdict = Verdict(Next.BURY, Budget(failures=1), reason=Burial.NOT_RETRYABLE)
    recording.record([factories.ended(job, outcome=Outcome.FAILED, verdict=verdict)])
    assert DeadLetter.objects.get().reason == Burial.NOT_RETRYABLE
