"""Rows in the caller's transaction, messages when it has committed."""

# Shows guarantee 7 of docs/guarantees.md.

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from jobs.domain.actors import Actor
from jobs.domain.errors import NotAllowed
from jobs.domain.states import Source, State
from jobs.intake import submission
from jobs.intake.drafts import Draft, DraftInvalid, Lineage
from jobs.intake.schema import PayloadInvalid
from jobs.models import Job
from jobs.shortcuts import submit, submit_many
from tests.support import called_tasks, messages

Captured = Callable[..., AbstractContextManager[list[Callable[[], Any]]]]
committing = pytest.mark.django_db(transaction=True)


@committing
def test_a_submitted_job_is_a_row_and_a_message() -> None:
    job = submit("noop", x=1)
    assert Job.objects.get().state == State.QUEUED
    assert messages.ids() == [str(job.id)]


VARIED = [
    Draft("noop"),
    Draft("noop", {"text": "100 %s, 'quoted' ü"}, tags=("a", "b"), correlation_id="order-7", max_retries=None),
    Draft("noop", delay_seconds=60, queue="low", lineage=Lineage(UUID(int=1), UUID(int=2), "group", 0, "chord")),
    Draft("noop", expires_at=datetime(2999, 1, 1, tzinfo=UTC), options={"time_limit": 5}, follows={"link": [{}]}),
]


@committing
@pytest.mark.parametrize("way", ["together", "the other way round", "one by one"])
def test_a_row_is_its_job_in_every_column(way: str) -> None:
    drafts = VARIED[::-1] if way == "the other way round" else VARIED
    jobs = [submission.submit(draft) for draft in drafts] if way == "one by one" else submit_many(drafts)
    columns = [field.attname for field in Job._meta.concrete_fields]
    expected = [{column: getattr(job, column) for column in columns} for job in jobs]
    assert [Job.objects.values(*columns).get(id=job.id) for job in jobs] == expected


@committing
def test_a_scheduled_job_is_a_row_alone() -> None:
    submit("noop", delay_seconds=3)
    assert Job.objects.get().state == State.SCHEDULED
    assert messages.raw() == []


@committing
def test_nothing_is_published_before_the_transaction_commits() -> None:
    with transaction.atomic():
        job = submit("noop")
        assert messages.raw() == []
    assert messages.ids() == [str(job.id)]


@committing
def test_a_rolled_back_submission_never_was() -> None:
    def fail() -> None:
        with transaction.atomic():
            submit("noop")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not Job.objects.exists()
    assert messages.raw() == []


@committing
def test_a_nested_transaction_publishes_with_the_outermost() -> None:
    with transaction.atomic():
        with transaction.atomic():
            inner = submit("noop")
        assert messages.raw() == []
        outer = submit("noop")
    assert messages.ids() == [str(inner.id), str(outer.id)]


@committing
def test_a_rollback_to_a_savepoint_takes_only_its_jobs_along() -> None:
    with transaction.atomic():
        kept = submit("noop")
        savepoint = transaction.savepoint()
        submit("noop")
        transaction.savepoint_rollback(savepoint)
    assert list(Job.objects.values_list("id", flat=True)) == [kept.id]
    assert messages.ids() == [str(kept.id)]


@committing
def test_an_inner_failure_takes_only_its_jobs_along() -> None:
    def fail() -> None:
        with transaction.atomic():
            submit("noop")
            submit("noop", max_retries=-5)

    with transaction.atomic():
        kept = submit("noop")
        with pytest.raises(DraftInvalid):
            fail()
    assert messages.ids() == [str(kept.id)]


@committing
def test_another_callback_that_fails_does_not_keep_the_message_back() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    def submit_and_fail() -> None:
        with transaction.atomic():
            submit("noop")
            transaction.on_commit(fail)

    with pytest.raises(ZeroDivisionError):
        submit_and_fail()
    assert messages.ids() == [str(Job.objects.get().id)]


def test_in_a_test_case_the_message_waits_for_captured_callbacks(django_capture_on_commit_callbacks: Captured) -> None:
    with django_capture_on_commit_callbacks() as kept:
        submit("noop")
    assert messages.raw() == []
    assert len(kept) == 1
    with django_capture_on_commit_callbacks(execute=True):
        job = submit("noop")
    assert messages.ids() == [str(job.id)]


@committing
def test_many_jobs_come_in_the_order_of_their_drafts() -> None:
    drafts = [called_tasks.typed.draft(count=number, name="n") for number in range(50)]
    jobs = submit_many(drafts)
    assert [job.payload["count"] for job in jobs] == list(range(50))
    assert messages.ids("high") == [str(job.id) for job in jobs]
    assert list(Job.objects.order_by("id").values_list("id", flat=True)) == [job.id for job in jobs]


def test_one_bad_draft_rejects_all() -> None:
    drafts = [Draft("typed", {"count": 1, "name": "n"}), Draft("typed", {"count": "x", "name": "n"})]
    with pytest.raises(PayloadInvalid):
        submit_many(drafts)
    assert not Job.objects.exists()


def test_no_drafts_are_no_jobs() -> None:
    assert submit_many([]) == []


def test_many_jobs_cost_one_statement_inside_their_transaction() -> None:
    with CaptureQueriesContext(connection) as queries:
        submit_many([Draft("noop") for _ in range(400)])
    begun, inserted, ended = [query["sql"] for query in queries]
    assert begun.startswith("SAVEPOINT")
    assert ("INSERT INTO" if connection.vendor == "sqlite" else "COPY") in inserted
    assert ended.startswith("RELEASE SAVEPOINT")


def test_a_single_job_costs_one_query() -> None:
    with CaptureQueriesContext(connection) as queries:
        submit("noop")
    assert len(queries) == 1


def test_who_may_not_submit_is_refused_and_nothing_is_written() -> None:
    with pytest.raises(NotAllowed, match="submit_job"):
        submission.submit(Draft("noop"), actor=Actor("ann", frozenset()))
    assert not Job.objects.exists()


def test_the_row_says_who_submitted_it_and_by_which_road() -> None:
    ann = Actor("ann", frozenset({"jobs.submit_job"}))
    job = submission.submit(Draft("noop"), actor=ann, source=Source.API)
    job.refresh_from_db()
    assert (job.submitted_by, job.source) == ("ann", Source.API)


def test_what_is_stored_is_what_was_sent() -> None:
    payload: dict[str, Any] = {
        "text": "ü😀\\u0000",
        "numbers": [1, 2.5, -0.0, 2**53],
        "none": None,
        "deep": {"a": [{}]},
    }
    job = submit("noop", **payload)
    assert Job.objects.get(id=job.id).payload == payload
