"""What the database itself refuses, whoever writes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from dlq.models import DeadLetter, Group
from jobs.domain.states import Burial, Outcome, State
from jobs.models import Attempt, IdempotencyKey, Job, Rollup
from tests import factories

NOW = timezone.now()


def refused(constraint: str, write: Callable[[], Any]) -> None:
    """SQLite names the columns of a unique constraint instead of its name."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        write()
    text = str(caught.value)
    assert constraint in text or "UNIQUE constraint failed" in text, text


def contradicting(state: State, columns: dict[str, Any]) -> Job:
    job = factories.build_job(state)
    for name, value in columns.items():
        setattr(job, name, value)
    return job


@pytest.mark.parametrize("state", list(State))
def test_every_state_can_be_stored_with_what_it_implies(state: State) -> None:
    assert factories.make_job(state).state == state


@pytest.mark.parametrize(
    ("constraint", "state", "columns"),
    [
        ("job_state_known", State.QUEUED, {"state": "sleeping"}),
        ("job_finished_iff_final", State.SUCCEEDED, {"finished_at": None}),
        ("job_finished_iff_final", State.DEAD, {"finished_at": None}),
        ("job_finished_iff_final", State.CANCELLED, {"finished_at": None}),
        ("job_finished_iff_final", State.EXPIRED, {"finished_at": None}),
        ("job_finished_iff_final", State.QUEUED, {"finished_at": NOW}),
        ("job_finished_iff_final", State.RUNNING, {"finished_at": NOW}),
        ("job_finished_iff_final", State.SCHEDULED, {"finished_at": NOW}),
        ("job_finished_iff_final", State.RETRYING, {"finished_at": NOW}),
        ("job_waiting_has_run_at", State.SCHEDULED, {"run_at": None}),
        ("job_waiting_has_run_at", State.RETRYING, {"run_at": None}),
        ("job_queued_has_stamps", State.QUEUED, {"published_at": None}),
        ("job_queued_has_stamps", State.QUEUED, {"queued_at": None}),
        ("job_closed_within_attempts", State.QUEUED, {"attempt": 1, "closed": 2}),
        ("job_running_has_open_attempt", State.RUNNING, {"attempt": 1, "closed": 1}),
    ],
)
def test_a_job_contradicting_its_state_is_refused(constraint: str, state: State, columns: dict[str, Any]) -> None:
    refused(constraint, lambda: contradicting(state, columns).save(force_insert=True))


@pytest.mark.parametrize(
    ("constraint", "columns"),
    [
        ("attempt_counts_from_one", {"number": 0}),
        ("attempt_outcome_known", {"outcome": "vanished", "finished_at": NOW}),
        ("attempt_finished_iff_closed", {"outcome": Outcome.RUNNING, "finished_at": NOW}),
        ("attempt_finished_iff_closed", {"outcome": "", "finished_at": NOW}),
        ("attempt_finished_iff_closed", {"outcome": Outcome.FAILED, "finished_at": None}),
    ],
)
def test_an_attempt_contradicting_its_outcome_is_refused(constraint: str, columns: dict[str, Any]) -> None:
    job = factories.make_job()
    refused(constraint, lambda: Attempt.objects.create(**{"job": job, "number": 1} | columns))


def test_two_attempts_of_one_number_are_refused() -> None:
    job = factories.make_job(State.RUNNING)
    refused("attempt_once", lambda: Attempt.objects.create(job=job, number=1))


def test_two_running_attempts_of_one_job_are_refused() -> None:
    job = factories.make_job(State.RUNNING)
    refused("attempt_one_running", lambda: Attempt.objects.create(job=job, number=2, outcome=Outcome.RUNNING))


def test_two_successes_of_one_job_are_refused() -> None:
    job = factories.make_job(State.SUCCEEDED)
    refused(
        "attempt_one_success",
        lambda: Attempt.objects.create(job=job, number=2, outcome=Outcome.SUCCEEDED, finished_at=NOW),
    )


def letter(job: Job, **columns: Any) -> DeadLetter:
    seen = {"version": 1, "title": "it broke", "first_seen": NOW, "last_seen": NOW}
    group, _ = Group.objects.get_or_create(fingerprint="f" * 32, defaults=seen)
    return DeadLetter.objects.create(
        job=job, group=group, task=job.task, queue=job.queue, reason=Burial.EXHAUSTED, **columns
    )


def test_two_open_letters_of_one_job_are_refused() -> None:
    job = factories.make_job(State.DEAD)
    refused("letter_one_open_per_job", lambda: letter(job))
    letter(job, resolution="requeued", resolved_at=NOW)


@pytest.mark.parametrize(
    ("constraint", "columns"),
    [
        ("letter_resolution_known", {"resolution": "burned", "resolved_at": NOW}),
        ("letter_resolved_iff_closed", {"resolution": "open", "resolved_at": NOW}),
        ("letter_resolved_iff_closed", {"resolution": "discarded", "resolved_at": None}),
    ],
)
def test_a_letter_contradicting_its_resolution_is_refused(constraint: str, columns: dict[str, Any]) -> None:
    job = factories.make_job()
    refused(constraint, lambda: letter(job, **columns))


def test_one_rollup_row_per_minute_queue_and_task() -> None:
    Rollup.objects.create(minute=NOW, queue="default", task="noop")
    refused("rollup_once", lambda: Rollup.objects.create(minute=NOW, queue="default", task="noop"))


def test_one_idempotency_key_per_scope() -> None:
    job = factories.make_job()
    values = {"key": "k", "request_hash": "h", "job_id": job.id, "created_at": NOW}
    IdempotencyKey.objects.create(scope="ann", **values)
    IdempotencyKey.objects.create(scope="bob", **values)
    refused("idempotency_key_once", lambda: IdempotencyKey.objects.create(scope="ann", **values))
