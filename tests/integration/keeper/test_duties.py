"""Falling due, cancelling again, expiring, leading, pruning: each duty once, with a clock of the test's."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import conf
from jobs.broker import claims, connections, journal, leases
from jobs.domain.states import Event, State
from jobs.keeper import dispatcher, pruner, withdrawer
from jobs.keeper.leader import LEASE, Leader
from jobs.keeper.recorder import Recorder
from jobs.models import Attempt, Chord, IdempotencyKey, Job
from tests import factories
from tests.support import invariants, messages
from tests.support.workers import Worker

NOW = timezone.now()
PAST, FUTURE = NOW - timedelta(seconds=1), NOW + timedelta(hours=1)


@pytest.fixture
def recorder() -> Recorder:
    journal.open_group(connections.patient())
    return Recorder()


def state_of(job: Job) -> str:
    return Job.objects.values_list("state", flat=True).get(id=job.id)


def test_what_falls_due_is_queued_and_published() -> None:
    due = [factories.make_job(state, run_at=PAST) for state in (State.SCHEDULED, State.RETRYING)]
    factories.make_job(State.SCHEDULED, run_at=FUTURE)
    assert dispatcher.dispatch(NOW) == 2
    assert sorted(messages.ids()) == sorted(factories.ids(due))
    assert {header["attempt"] for header in messages.headers()} == {1, 2}
    assert dispatcher.dispatch(NOW) == 0


def test_more_than_one_batch_is_dispatched_at_once() -> None:
    count = conf.current().DUTY_BATCH_SIZE + 1
    factories.make_jobs(count, State.SCHEDULED, run_at=PAST)
    assert dispatcher.dispatch(NOW) == count
    assert len(messages.raw()) == count


def test_a_flagged_job_that_waits_is_withdrawn(recorder: Recorder) -> None:
    states = (State.SCHEDULED, State.QUEUED, State.RETRYING)
    flagged = [factories.make_job(state, cancel_requested_at=PAST) for state in states]
    untouched = factories.make_job()
    assert withdrawer.cancel_again(NOW) == 3
    recorder.drain()
    assert {state_of(job) for job in flagged} == {State.CANCELLED}
    assert state_of(untouched) == State.QUEUED


def test_cancelling_again_before_it_is_recorded_changes_nothing(recorder: Recorder) -> None:
    job = factories.make_job(cancel_requested_at=PAST)
    assert [withdrawer.cancel_again(NOW), withdrawer.cancel_again(NOW)] == [1, 0]
    assert recorder.drain() == 1
    assert state_of(job) == State.CANCELLED


def test_a_flagged_job_that_runs_is_ordered_to_stop_again() -> None:
    client = connections.patient()
    listener = client.pubsub()
    listener.subscribe(connections.key("orders"))
    listener.get_message(timeout=5)
    job = factories.make_job(State.RUNNING, cancel_requested_at=PAST)
    withdrawer.cancel_again(NOW)
    ordered = listener.get_message(timeout=5)
    listener.close()
    assert ordered is not None
    assert str(job.id) in ordered["data"]
    assert claims.look(client, [(job.id, 2)]) == [None]


def test_a_cancel_that_lost_against_a_start_lets_the_start_be(recorder: Recorder) -> None:
    job = factories.make_job(cancel_requested_at=PAST)
    Worker().start(job)
    assert withdrawer.cancel_again(NOW) == 0
    recorder.drain()
    assert state_of(job) == State.RUNNING


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_claim_whose_entry_was_lost_testifies_to_the_one_who_wants_to_cancel(
    recorder: Recorder, is_cancelled: bool
) -> None:
    job = factories.make_job(cancel_requested_at=PAST)
    client = connections.patient()
    if is_cancelled:
        claims.withdraw(client, job_id=job.id, attempt=1, event=Event.CANCELLED)
    else:
        Worker().start(job)
    client.delete(claims.journal_key())
    backdate(job, seconds=60)
    assert withdrawer.cancel_again(NOW) == 0
    recorder.run_once()
    recorder.drain()
    assert state_of(job) == (State.CANCELLED if is_cancelled else State.RUNNING)


def backdate(job: Job, *, seconds: float) -> None:
    """Make the claim an old one."""
    client = connections.patient()
    key = claims.claim_key(job.id, 1)
    state, since, *rest = str(client.get(key)).split(" ")
    client.set(key, " ".join([state, str(int(since) - int(seconds * 1000)), *rest]))


@pytest.mark.parametrize("state", [State.SCHEDULED, State.QUEUED, State.RETRYING])
def test_what_expires_before_it_starts_never_starts(recorder: Recorder, state: State) -> None:
    job = factories.make_job(state, expires_at=PAST)
    assert withdrawer.expire(NOW) == 1
    assert not Worker().start(job)
    recorder.drain()
    assert state_of(job) == State.EXPIRED
    assert Attempt.objects.filter(job=job).count() == job.attempt


def test_what_started_in_time_does_not_expire(recorder: Recorder) -> None:
    late, running = factories.make_job(expires_at=PAST), factories.make_job(State.RUNNING, expires_at=PAST)
    Worker().start(late)
    assert withdrawer.expire(NOW) == 0
    recorder.drain()
    assert (state_of(late), state_of(running)) == (State.RUNNING, State.RUNNING)


def test_what_has_not_expired_yet_stays() -> None:
    factories.make_job(expires_at=FUTURE)
    assert withdrawer.expire(NOW) == 0


def test_there_is_one_leader_until_it_stops_renewing() -> None:
    client, first, second = connections.patient(), Leader(), Leader()
    assert [first.hold(client), second.hold(client), first.hold(client)] == [True, False, True]
    client.delete(connections.key("lease", LEASE))
    first._renew_at = 0.0
    assert [second.hold(client), first.hold(client)] == [True, False]
    assert leases.holder_of(client, LEASE) == second.me


def test_a_lease_runs_out_by_itself() -> None:
    client = connections.patient()
    Leader().hold(client)
    assert 0 < client.pttl(connections.key("lease", LEASE)) <= conf.current().LEADER_LEASE_SECONDS * 1000


def test_who_resigns_makes_room_but_only_for_itself() -> None:
    client, first, second = connections.patient(), Leader(), Leader()
    first.hold(client)
    second.resign(client)
    assert leases.holder_of(client, LEASE) == first.me
    first.resign(client)
    assert second.hold(client)


def test_old_final_jobs_are_pruned_and_nothing_else() -> None:
    old = NOW - timedelta(seconds=conf.current().KEEP_FINAL_SECONDS + 60)
    gone = [factories.make_job(s, now=old) for s in (State.SUCCEEDED, State.CANCELLED, State.EXPIRED)]
    kept = [factories.make_job(s, now=old) for s in (State.DEAD, State.QUEUED, State.RUNNING, State.RETRYING)]
    kept.append(factories.make_job(State.SUCCEEDED))
    pruner.prune(NOW)
    assert not Job.objects.filter(id__in=factories.ids(gone)).exists()
    assert Job.objects.filter(id__in=factories.ids(kept)).count() == len(kept)
    assert not Attempt.objects.filter(job_id__in=factories.ids(gone)).exists()


def test_spent_keys_and_chords_are_pruned() -> None:
    job, day = factories.make_job(), timedelta(days=1, seconds=1)
    for name, age in (("old", day), ("new", timedelta())):
        IdempotencyKey.objects.create(scope="s", key=name, request_hash="h", job_id=job.id, created_at=NOW - age)
    month = timedelta(seconds=conf.current().KEEP_FINAL_SECONDS + 1)
    for name, moment in (("done", NOW - month), ("fresh", NOW), ("open", None)):
        Chord.objects.create(group_id=name, size=1, body={}, body_id=job.id, submitted_at=moment)
    pruner.prune(NOW)
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["new"]
    assert set(Chord.objects.values_list("group_id", flat=True)) == {"fresh", "open"}


def test_a_waiting_jobs_whole_life_leaves_every_promise_kept(recorder: Recorder) -> None:
    job, worker = factories.make_job(State.SCHEDULED, run_at=PAST), Worker()
    dispatcher.dispatch(NOW)
    worker.start(job)
    worker.finish(job)
    recorder.drain()
    assert state_of(job) == State.SUCCEEDED
    invariants.assert_all()
