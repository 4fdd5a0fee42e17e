"""The recorder: journal to rows; what can't be applied is quarantined and blocks nothing."""

from typing import Any

import pytest
from django.db import OperationalError

from dlq.models import DeadLetter
from jobs import signals
from jobs.broker import claims, connections, entries, journal
from jobs.domain.journal import Failure, Progressed
from jobs.domain.states import Outcome, State
from jobs.keeper.recorder import Recorder
from jobs.lifecycle import recording
from jobs.models import Attempt, Job
from tests import factories
from tests.support import invariants
from tests.support.workers import Worker


@pytest.fixture
def recorder() -> Recorder:
    journal.open_group(connections.patient())
    return Recorder()


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def at_once(settings: Any) -> None:
    """What another keeper was given and did not settle is taken over without waiting."""
    settings.TASKQUEUE = {**settings.TASKQUEUE, "TAKE_OVER_SECONDS": 0.0}


def quarantined() -> list[dict[str, str]]:
    found: Any = connections.patient().xrange(journal.quarantine_key())
    return [fields for _id, fields in found]


def state_of(job: Job) -> str:
    return Job.objects.values_list("state", flat=True).get(id=job.id)


def test_what_workers_report_becomes_rows(recorder: Recorder, worker: Worker) -> None:
    job, other = factories.make_jobs(2)
    worker.start(job)
    worker.start(other)
    worker.finish(job)
    assert recorder.drain() == 3
    assert (state_of(job), state_of(other)) == (State.SUCCEEDED, State.RUNNING)
    assert connections.patient().xlen(claims.journal_key()) == 0
    invariants.assert_all()


def test_an_empty_journal_is_nothing_to_do(recorder: Recorder) -> None:
    assert recorder.run_once() == 0


def test_the_claims_of_recorded_attempts_run_out(recorder: Recorder, worker: Worker) -> None:
    ended, running = factories.make_jobs(2)
    worker.start(ended)
    worker.finish(ended)
    worker.start(running)
    recorder.drain()
    client = connections.patient()
    assert client.ttl(claims.claim_key(ended.id, 1)) > 0
    assert client.ttl(claims.claim_key(running.id, 1)) == -1


@pytest.mark.parametrize(
    "poison",
    [
        {"k": "sung", "j": "x", "n": 1, "t": 1, "b": ""},
        {"k": "late", "j": "no uuid", "n": 1, "t": 1, "b": "lost"},
        {"no": "entry"},
    ],
)
def test_a_poison_entry_is_quarantined_and_the_rest_recorded(recorder: Recorder, worker: Worker, poison: Any) -> None:
    job, other = factories.make_jobs(2)
    worker.start(job)
    connections.patient().xadd(claims.journal_key(), poison)
    worker.start(other)
    recorder.drain()
    assert {state_of(job), state_of(other)} == {State.RUNNING}
    [kept] = quarantined()
    assert kept["problem"].startswith("unreadable entry")
    assert recorder.run_once() == 0


def test_an_outcome_that_can_not_be_stored_is_applied_without_its_body(recorder: Recorder, worker: Worker) -> None:
    job, other = factories.make_jobs(2)
    worker.start(job)
    worker.start(other)
    unstorable = factories.ended(job, outcome=Outcome.FAILED, failure=Failure("E", "half a pair: \ud800"))
    claims.finish(
        worker.client,
        job_id=str(job.id),
        attempt=1,
        incarnation=worker.incarnation,
        outcome=Outcome.FAILED,
        body=entries.ended_body(unstorable),
    )
    worker.finish(other)
    recorder.drain()
    assert (state_of(other), state_of(job)) == (State.SUCCEEDED, State.RETRYING)
    attempt = Attempt.objects.get(job=job)
    assert (attempt.outcome, attempt.error_type) == (Outcome.FAILED, "NotRecorded")
    assert "UnicodeEncodeError" in quarantined()[-1]["problem"]
    assert recorder.run_once() == 0


def test_a_receiver_that_chokes_on_one_job_stops_no_other(recorder: Recorder, worker: Worker) -> None:
    poisoned, fine = factories.make_jobs(2)

    def choke(burials: list[signals.Buried], **_kwargs: Any) -> None:
        if any(buried.job.id == poisoned.id and buried.failure.type != "NotRecorded" for buried in burials):
            raise KeyError("a bug in a receiver")

    for job in (poisoned, fine):
        worker.start(job)
    journal_bury(worker, poisoned)
    journal_bury(worker, fine)
    signals.jobs_buried.connect(choke)
    try:
        recorder.drain()
    finally:
        signals.jobs_buried.disconnect(choke)
    assert (state_of(poisoned), state_of(fine)) == (State.DEAD, State.DEAD)
    attempt = Attempt.objects.get(job=poisoned)
    assert attempt.error_type == "NotRecorded"
    assert "kept in the quarantine" in attempt.error
    assert "KeyError" in quarantined()[-1]["problem"]
    assert DeadLetter.objects.count() == 2


def journal_bury(worker: Worker, job: Job) -> None:
    claims.finish(
        worker.client,
        job_id=str(job.id),
        attempt=1,
        incarnation=worker.incarnation,
        outcome=Outcome.FAILED,
        body=entries.ended_body(factories.buried(job)),
    )


@pytest.mark.postgres_only
def test_progress_that_can_not_be_stored_does_not_take_the_outcome_along(recorder: Recorder, worker: Worker) -> None:
    job = factories.make_job()
    worker.start(job)
    journal.report_progress(worker.client, Progressed(str(job.id), 1, 1, 5.0, "a\x00b"))
    worker.finish(job)
    recorder.drain()
    assert state_of(job) == State.SUCCEEDED
    assert len(quarantined()) >= 1


def test_an_entry_without_a_job_is_kept_in_the_quarantine(recorder: Recorder, worker: Worker) -> None:
    stranger = factories.build_job()
    worker.start(stranger)
    worker.finish(stranger)
    recorder.drain()
    assert [fields["k"] for fields in quarantined()] == ["started", "ended"]
    assert connections.patient().ttl(claims.claim_key(stranger.id, 1)) > 0


def test_what_a_dead_keeper_was_given_is_taken_over(recorder: Recorder, worker: Worker, at_once: None) -> None:
    job = factories.make_job()
    worker.start(job)
    journal.read(connections.patient(), reader="dead", count=10, block_ms=None)
    assert recorder.run_once() == 1
    assert state_of(job) == State.RUNNING


def test_a_keeper_killed_between_commit_and_settle_applies_nothing_twice(worker: Worker, at_once: None) -> None:
    client = connections.patient()
    journal.open_group(client)
    job = factories.make_job()
    worker.start(job)
    worker.finish(job)
    lines = journal.read(client, reader="killed", count=10, block_ms=None)
    recording.record([line.entry for line in lines if line.entry is not None])  # type: ignore[misc]
    assert Recorder().run_once() == 2
    assert Attempt.objects.count() == 1
    invariants.assert_all()


def test_a_database_that_is_away_loses_nothing_and_is_tried_again_at_once(
    recorder: Recorder, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = factories.make_job()
    worker.start(job)

    def away(_entries: Any) -> None:
        raise OperationalError("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(recording, "record", away)
        with pytest.raises(OperationalError):
            recorder.run_once()
    assert quarantined() == []
    assert recorder.run_once() == 1
    assert state_of(job) == State.RUNNING


def test_a_flushed_redis_is_read_on(recorder: Recorder, worker: Worker) -> None:
    recorder.run_once()
    connections.patient().flushall()
    job = factories.make_job()
    worker.start(job)
    recorder.run_once()
    recorder.drain()
    assert state_of(job) == State.RUNNING
