"""What users' own tests do: `CELERY_TASK_ALWAYS_EAGER` with rows and without Redis, and the fixture `tally_worker`."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import chain, chord, group
from celery.exceptions import MaxRetriesExceededError
from django.db import transaction
from django.utils import timezone

from dlq.models import DeadLetter
from jobs.broker import connections, publisher
from jobs.control import cancelling
from jobs.domain.actors import CODE
from jobs.models import Job
from jobs.shortcuts import submit
from jobs.testing import StillWaiting, TallyWorker, tally_worker
from tests.support import celery_tasks as c
from tests.support import sample_tasks as t
from tests.support.story import marks_in

__all__ = ["tally_worker"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may need it."""

    def refuse(*_args: object, **_options: object) -> None:
        raise AssertionError("Redis was asked")

    monkeypatch.setattr(redis.connection.AbstractConnection, "connect", refuse)
    publisher.forget()
    connections.forget()


@pytest.fixture
def eager(settings: Any) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = True


class TestAlwaysEager:
    pytestmark = pytest.mark.usefixtures("eager")

    def test_a_call_runs_at_once_and_leaves_its_rows(self) -> None:
        result = c.add.delay(20, 22)
        assert (result.get(), result.status) == (42, "SUCCESS")
        job = Job.objects.get(id=result.id)
        assert (job.state, job.result, job.attempt) == ("succeeded", 42, 1)
        assert [attempt.outcome for attempt in job.attempts.all()] == ["succeeded"]

    def test_retries_follow_one_another_to_the_end(self, marks: Path) -> None:
        result = t.fail_late.delay(str(marks), 2)
        job = Job.objects.get(id=result.id)
        assert (job.state, job.result) == ("succeeded", "recovered")
        assert [attempt.outcome for attempt in job.attempts.all()] == ["failed", "failed", "succeeded"]

    def test_a_failure_is_an_answer_a_row_and_a_letter(self) -> None:
        result = t.choosy.delay("other")
        assert result.status == "FAILURE"
        assert isinstance(result.result, ValueError)
        job = Job.objects.get(id=result.id)
        assert job.state == "dead"
        assert DeadLetter.objects.get(job=job).reason == "not_retryable"

    def test_a_failure_is_raised_where_celery_would(self, settings: Any) -> None:
        settings.CELERY_TASK_EAGER_PROPAGATES = True
        with pytest.raises(t.Flaky, match="no such luck"):
            t.fail.delay("no such luck")

    def test_self_retry_ends_in_its_budget(self, marks: Path) -> None:
        result = c.celery_retry.delay(str(marks), how="plain")
        assert isinstance(result.result, MaxRetriesExceededError)
        assert len(marks_in(marks)) == 3

    def test_a_chain_runs_to_its_end(self) -> None:
        assert chain(c.add.s(1, 1), c.add.s(10), c.add.s(100))().get() == 112
        assert Job.objects.filter(state="succeeded").count() == 3

    def test_a_group_and_a_chord_run_every_member(self) -> None:
        assert group(c.add.s(n, n) for n in range(5))().get() == [0, 2, 4, 6, 8]
        assert chord([c.add.s(n, n) for n in range(5)], c.total.s())().get() == 20
        assert Job.objects.filter(state="succeeded").count() == 11

    def test_links_run_too(self, marks: Path) -> None:
        c.add.apply_async((1, 2), link=t.mark.si(str(marks), text="linked"))
        assert len(marks_in(marks, "linked")) == 1

    def test_an_error_link_runs_too(self, marks: Path) -> None:
        c.celery_plain.apply_async((str(marks),), {"fails": True}, link_error=c.note_error.si(str(marks)))
        assert len(marks_in(marks, "error")) == 1

    def test_a_job_inside_a_job_is_its_child(self) -> None:
        result = c.submits_others.delay(2)
        children = Job.objects.filter(parent_id=result.id)
        assert [child.result for child in children] == [1, 2]

    def test_apply_answers_like_celerys(self) -> None:
        assert c.add.apply((1, 2)).get() == 3
        assert c.add.s(1, 2).apply().get() == 3
        assert c.add(1, 2) == 3
        assert Job.objects.count() == 2

    def test_an_async_task_runs(self) -> None:
        assert t.asynchronous.delay(3).get()["value"] == 3

    def test_bad_arguments_are_refused_as_ever(self) -> None:
        from jobs.shortcuts import PayloadInvalid

        with pytest.raises(PayloadInvalid, match="seconds"):
            t.mark.delay("m", seconds="long")


class TestTallyWorker:
    def test_it_runs_what_was_submitted_in_order(self, tally_worker: TallyWorker, marks: Path) -> None:
        for n in range(3):
            t.mark.submit(marks=str(marks), text=f"job-{n}")
        ran = tally_worker.run()
        assert [job.result for job in ran] == ["job-0", "job-1", "job-2"]
        assert len(marks_in(marks)) == 3
        assert tally_worker.run() == []

    def test_a_failed_job_waits_for_its_retry_until_all_is_drained(
        self, tally_worker: TallyWorker, marks: Path
    ) -> None:
        job = submit("fail_late", marks=str(marks), failures=1)
        [ran] = tally_worker.run()
        assert (ran.state, ran.attempt) == ("retrying", 1)
        assert tally_worker.run() == []
        [ran] = tally_worker.drain()
        assert (ran.id, ran.state, ran.attempt) == (job.id, "succeeded", 2)

    def test_scheduled_jobs_wait_for_their_hour_or_the_drain(self, tally_worker: TallyWorker, marks: Path) -> None:
        t.mark.submit(marks=str(marks), run_at=timezone.now() + timedelta(hours=1))
        assert tally_worker.run() == []
        [ran] = tally_worker.drain()
        assert ran.state == "succeeded"

    def test_what_follows_runs_in_the_same_go(self, tally_worker: TallyWorker) -> None:
        chain(c.add.s(1, 1), c.add.s(10))()
        result = chord([c.add.s(1, 1), c.add.s(2, 2)], c.total.s())()
        tally_worker.run()
        assert sorted(Job.objects.values_list("result", flat=True), key=str) == [12, 2, 2, 4, 6]
        assert result.get(timeout=1) == 6

    def test_cancelled_and_expired_jobs_do_not_run(
        self, tally_worker: TallyWorker, marks: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cancelled = t.mark.submit(marks=str(marks))
        expired = t.mark.submit(marks=str(marks), expires_at=timezone.now() + timedelta(hours=1))
        Job.objects.filter(id=expired.id).update(expires_at=timezone.now())
        monkeypatch.setattr(cancelling, "enforce", lambda _job: cancelling.Cancelling.REVOKING)
        cancelling.cancel(cancelled.id, actor=CODE)
        assert sorted(job.state for job in tally_worker.run()) == ["cancelled", "expired"]
        assert marks_in(marks) == []

    def test_jobs_without_end_are_reported(self, tally_worker: TallyWorker) -> None:
        tally_worker.at_most = 3
        for n in range(4):
            submit("add", x=n, y=n)
        with pytest.raises(StillWaiting, match="after 3 attempts; the next is add"):
            tally_worker.run()

    def test_a_rolled_back_submission_is_not_there_to_run(self, tally_worker: TallyWorker) -> None:
        class Undo(Exception): ...

        def submit_and_fail() -> Any:
            with transaction.atomic():
                submit("add", x=1, y=1)
                raise Undo

        with pytest.raises(Undo):
            submit_and_fail()
        assert tally_worker.run() == []

    @pytest.mark.django_db(transaction=True)
    def test_nothing_is_published(self, tally_worker: TallyWorker) -> None:
        submit("add", x=1, y=1)
        assert [job.result for job in tally_worker.run()] == [2]
