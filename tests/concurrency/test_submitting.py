"""Who wins when many submit under one key."""

from functools import partial

import pytest

from jobs.intake import submission
from jobs.intake.drafts import Draft
from jobs.intake.idempotency import IdempotencyConflict
from jobs.models import IdempotencyKey, Job
from tests.support import invariants, messages, together

THREADS = 20


def test_twenty_threads_with_one_key_make_one_job() -> None:
    draft = Draft("noop", {"x": 1}, idempotency_key="once")
    jobs = together.run([partial(submission.submit, draft)] * THREADS)
    assert len({job.id for job in jobs}) == 1
    assert sorted(job.replayed for job in jobs) == [False] + [True] * (THREADS - 1)
    assert Job.objects.count() == IdempotencyKey.objects.count() == 1
    assert messages.ids() == [str(jobs[0].id)]
    invariants.assert_all()


def test_of_two_requests_under_one_key_one_is_a_conflict() -> None:
    drafts = [Draft("noop", {"x": number}, idempotency_key="once") for number in range(8)]
    futures = together.attempt([partial(submission.submit, draft) for draft in drafts])
    errors = [future.exception() for future in futures]
    assert sum(error is None for error in errors) == 1
    assert all(isinstance(error, IdempotencyConflict) for error in errors if error is not None)
    assert Job.objects.count() == 1
    invariants.assert_all()


def test_batches_whose_keys_overlap_neither_lock_each_other_out_nor_repeat() -> None:
    forth = [Draft("noop", {"n": number}, idempotency_key=f"k{number}") for number in range(30)]
    batches = [forth, forth[::-1], forth[10:], forth[:20]]
    results = together.run([partial(submission.submit_many, batch) for batch in batches])
    assert Job.objects.count() == 30
    assert [[job.payload["n"] for job in jobs] for jobs in results] == [
        [draft.payload["n"] for draft in batch] for batch in batches
    ]
    assert sorted(messages.ids()) == sorted(str(id_) for id_ in Job.objects.values_list("id", flat=True))
    invariants.assert_all()


@pytest.mark.parametrize("count", [8])
def test_many_threads_submit_and_every_job_is_a_row_and_a_message(count: int) -> None:
    results = together.run([partial(submission.submit_many, [Draft("noop")] * 25)] * count)
    ids = sorted(str(job.id) for jobs in results for job in jobs)
    assert len(set(ids)) == 25 * count
    assert sorted(messages.ids()) == ids
    invariants.assert_all()
