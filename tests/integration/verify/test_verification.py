"""A healthy world has no findings; a job that is nowhere is one, unless something is about to put it right."""

# Shows guarantees 3 and 6 of docs/guarantees.md.

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from jobs.broker import claims, connections, journal, publisher
from jobs.domain.states import State
from jobs.models import Job
from jobs.verification import findings
from jobs.verification.verifying import Verification
from tests.integration.verify.conftest import WORKER, World, age, beat, look


def test_a_healthy_world_has_no_findings(world: World) -> None:
    assert look() == []


def test_the_ledger_accounts_for_every_job(world: World) -> None:
    verification = Verification(patience_seconds=0)
    assert list(verification) == []
    ledger = verification.ledger()
    assert (ledger.submitted, ledger.unaccounted) == (7, 0)
    assert ledger.states == dict.fromkeys(
        ("scheduled", "queued", "running", "retrying", "succeeded", "dead", "cancelled"), 1
    ) | {"expired": 0}
    assert str(ledger).startswith("submitted 7 = scheduled 1 + queued 1 +")
    assert str(ledger).endswith("· unaccounted 0")


def test_a_queued_job_without_a_message_is_found(world: World) -> None:
    age(world.queued, published_at=...)
    connections.patient().execute_command("SELECT", 1)
    from jobs.broker import depth

    depth.client().delete("default")
    [finding] = look()
    assert (finding.check, finding.object) == ("queued_is_somewhere", f"job:{world.queued.id}")


def test_a_queued_job_is_not_missed_when_another_has_two_messages(world: World) -> None:
    """As many messages as rows are an excuse only as long as the keeper would accept it too."""
    age(world.queued, published_at=...)
    assert look() == []


def test_a_queued_job_whose_claim_is_held_is_on_its_way(world: World) -> None:
    age(world.queued, published_at=...)
    from jobs.broker import depth

    depth.client().delete("default")
    claims.start(connections.patient(), job_id=str(world.queued.id), attempt=1, by=WORKER, token="t", queued_ms=None)
    assert [f for f in look() if f.check == "queued_is_somewhere"] == []


def test_a_queued_job_within_the_grace_is_on_its_way(world: World) -> None:
    from jobs.broker import depth

    depth.client().delete("default")
    assert look() == []


def test_what_settles_in_time_is_no_finding(world: World) -> None:
    beat([])
    verification = Verification(patience_seconds=5)
    seen = []

    def settle(check: findings.Check) -> None:
        seen.append(check.name)
        if check.name == findings.every()[-1].name:
            beat([world.fresh("running")])

    verification.tell = settle
    assert list(verification) == []
    assert "running_is_seen" in seen


def test_an_attempt_that_no_worker_lists_is_found(world: World) -> None:
    beat([])
    [finding] = look()
    assert (finding.check, finding.object) == ("running_is_seen", f"job:{world.running.id}")
    assert WORKER.worker in finding.problem


def test_an_attempt_whose_worker_is_silent_is_found(world: World) -> None:
    beat([world.fresh("running")], age_seconds=60)
    [finding] = look()
    assert finding.object == f"job:{world.running.id}"
    assert "was last heard of 60 s ago" in finding.problem


def test_a_job_that_should_have_been_queued_is_found(world: World) -> None:
    age(world.scheduled, run_at=...)
    [finding] = look()
    assert (finding.check, finding.object) == ("due_is_queued", f"job:{world.scheduled.id}")


def test_a_job_that_should_have_expired_is_found(world: World) -> None:
    age(world.scheduled, expires_at=...)
    [finding] = look()
    assert (finding.check, finding.object) == ("expiries_happen", f"job:{world.scheduled.id}")


def test_a_cancel_that_never_happened_is_found(world: World) -> None:
    age(world.scheduled, cancel_requested_at=...)
    assert {(f.check, f.object) for f in look()} == {
        ("cancels_happen", f"job:{world.scheduled.id}"),
        ("cancels_are_recorded", f"job:{world.scheduled.id}"),
    }


def test_a_journal_that_nobody_reads_is_found(world: World) -> None:
    client = connections.patient()
    old = connections.redis_ms(client) - 60_000
    client.delete(claims.journal_key())
    client.xadd(claims.journal_key(), {"k": "started"}, id=f"{old}-0")
    journal.open_group(client)
    [finding] = look()
    assert (finding.check, finding.object) == ("journal_is_read", "journal:entries")


def test_an_entry_in_the_quarantine_is_found_with_its_job(world: World) -> None:
    line = journal.Line("1-1", {"k": "ended", "j": str(world.succeeded.id)}, None)
    journal.quarantine(connections.patient(), line, problem="it does not fit")
    [finding] = look()
    assert (finding.check, finding.object) == ("quarantine_is_empty", f"job:{world.succeeded.id}")


def test_a_claim_that_never_runs_out_is_found(world: World) -> None:
    connections.patient().persist(claims.claim_key(world.succeeded.id, 1))
    [finding] = look()
    assert (finding.check, finding.object) == ("claims_run_out", f"job:{world.succeeded.id}")


def test_a_queue_that_only_redis_thinks_is_paused_is_found(world: World) -> None:
    from jobs.broker import mirror

    mirror.write_paused(connections.patient(), ["low"])
    [finding] = look()
    assert (finding.check, finding.object) == ("mirror_is_true", "queue:low")


def test_without_redis_what_it_alone_knows_is_not_verified(world: World, settings: object) -> None:
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "patient", _away)
        found = {f.check: f for f in look()}
    assert "running_is_seen" in found
    assert found["running_is_seen"].object == "redis:server"
    assert "one_success" not in found


def _away() -> None:
    raise ConnectionRefusedError("nobody listens")


def test_the_command_names_the_job_and_exits_with_one(world: World) -> None:
    Job.objects.filter(id=world.succeeded.id).update(attempt=2)
    out = StringIO()
    with pytest.raises(CommandError) as stopped:
        call_command("verify", patience=0, stdout=out)
    assert stopped.value.returncode == 1
    assert f"job:{world.succeeded.id} " in out.getvalue()
    assert out.getvalue().splitlines()[-1].startswith("submitted 7 = ")


def test_the_command_is_content_with_a_healthy_world(world: World) -> None:
    out = StringIO()
    call_command("verify", patience=0, stdout=out)
    assert out.getvalue().splitlines()[-1].endswith("unaccounted 0")


def test_the_json_document_holds_findings_and_ledger(world: World) -> None:
    Job.objects.filter(id__in=[world.queued.id, world.dead.id]).update(failures=9)
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("verify", patience=0, json=True, stdout=out)
    document = json.loads(out.getvalue())
    assert {f["object"] for f in document["findings"]} == {f"job:{world.queued.id}", f"job:{world.dead.id}"}
    assert document["found"] == 2
    assert document["ledger"]["states"]["dead"] == 1
    out = StringIO()
    Job.objects.filter(id__in=[world.queued.id, world.dead.id]).update(failures=0)
    call_command("verify", patience=0, json=True, stdout=out)
    assert json.loads(out.getvalue())["findings"] == []


def test_a_million_lost_messages_would_not_be_held_in_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """More suspects than are waited for: all of them are named all the same."""
    from jobs.verification import verifying
    from tests import factories

    monkeypatch.setattr(verifying, "_MOST_SUSPECTS", 3)
    then = timezone.now() - timedelta(minutes=15)
    factories.make_jobs(8, State.SCHEDULED, run_at=then)
    late = [f for f in look(patience_seconds=0.01) if f.check == "due_is_queued"]
    assert len({f.object for f in late}) == 8


def test_messages_are_found_in_lists_of_several_chunks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from jobs.verification import whereabouts

    monkeypatch.setattr(whereabouts, "CHUNK", 2)
    jobs = [world.fresh("queued")] * 4
    publisher.publish(jobs)
    messages = whereabouts._Messages("default")
    assert messages.have((world.queued.id, 1))
    assert not messages.have((world.queued.id, 2))
