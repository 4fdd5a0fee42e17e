"""Whatever row somebody changes by hand: verify names it. The constraints are taken away first, as a damaged file would."""

# Shows guarantees 4 and 5 of docs/guarantees.md.

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from dlq.models import DeadLetter
from jobs.domain.states import Outcome, State
from jobs.models import Attempt, Chord, IdempotencyKey, Job, Rollup, append_only
from jobs.models.rollup import ALL_TIME
from tests.integration.verify.conftest import World, look

UNIQUE = ("attempt_once", "attempt_one_running_per_job", "attempt_one_success_per_job", "letter_one_open_per_job")


@pytest.fixture(autouse=True)
def _without_constraints(world: World) -> Iterator[None]:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        else:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c'")
            for table, name in cursor.fetchall():
                if table.startswith(("jobs_", "dlq_")):
                    cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        for name in UNIQUE[1:]:
            cursor.execute(f"DROP INDEX {name}")
    yield
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


def jobs(name: str, **columns: object) -> Callable[[World], str]:
    def tamper(world: World) -> str:
        job = world.fresh(name)
        Job.objects.filter(id=job.id).update(**columns)
        return f"job:{job.id}"

    return tamper


def attempts(name: str, **columns: object) -> Callable[[World], str]:
    def tamper(world: World) -> str:
        job = world.fresh(name)
        Attempt.objects.filter(job=job).update(**columns)
        return f"job:{job.id}"

    return tamper


def one_more_attempt(name: str, number: int, outcome: str) -> Callable[[World], str]:
    def tamper(world: World) -> str:
        job, now = world.fresh(name), timezone.now()
        closed = outcome not in ("", Outcome.RUNNING)
        Attempt.objects.create(
            job=job, number=number, outcome=outcome, started_at=now, finished_at=now if closed else None
        )
        return f"job:{job.id}"

    return tamper


def no_attempt(world: World) -> str:
    Attempt.objects.filter(job=world.succeeded).delete()
    return f"job:{world.succeeded.id}"


def no_letter(world: World) -> str:
    DeadLetter.objects.filter(job=world.dead).delete()
    return f"job:{world.dead.id}"


def two_letters(world: World) -> str:
    letter = DeadLetter.objects.get(job=world.dead)
    letter.pk = uuid4()
    letter.save(force_insert=True)
    return f"job:{world.dead.id}"


def a_letter_for_the_living(world: World) -> str:
    DeadLetter.objects.filter(job=world.dead).update(job=world.succeeded)
    return f"job:{world.succeeded.id}"


def a_letter_resolved_never(world: World) -> str:
    letter = DeadLetter.objects.get(job=world.dead)
    DeadLetter.objects.filter(job=world.dead).update(resolution="discarded")
    return f"letter:{letter.id}"


def a_deleted_job(world: World) -> str:
    Job.objects.get(id=world.succeeded.id).delete()
    return "rollup:all time:default:noop"


def a_rollup_of_all_time(world: World) -> str:
    row = Rollup.objects.get(minute=ALL_TIME)
    row.counts["succeeded"] += 1
    row.save()
    return "rollup:all time:default:noop"


def a_rollup_of_a_minute(world: World) -> str:
    row = Rollup.objects.exclude(minute=ALL_TIME).first()
    assert row is not None
    row.counts["started"] -= 1
    row.save()
    return "rollup:all time:default:noop"


def no_action(world: World) -> str:
    append_only.lift(connection)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs_action")
    return f"job:{world.cancelled.id}"


def a_key_that_points_nowhere(world: World) -> str:
    key = IdempotencyKey.objects.create(
        scope="olivia", key="k", request_hash="h", job_id=world.succeeded.id, created_at=timezone.now()
    )
    return f"job:{key.job_id}"


def a_chord_without_body(world: World) -> str:
    chord = Chord.objects.create(group_id="g", size=1, body={}, body_id=uuid4(), submitted_at=timezone.now())
    return f"job:{chord.body_id}"


def a_chord_left_incomplete(world: World) -> str:
    Chord.objects.create(group_id="g", size=1, body={}, body_id=uuid4())
    Job.objects.filter(id=world.succeeded.id).update(chord_id="g", group_id="g")
    return "chord:g"


TAMPERINGS: dict[str, tuple[Callable[[World], str], str]] = {
    "a state that does not exist": (jobs("succeeded", state="done"), "state_known"),
    "final without finished_at": (jobs("succeeded", finished_at=None), "finished_iff_final"),
    "finished_at of a waiting job": (jobs("queued", finished_at=timezone.now()), "finished_iff_final"),
    "scheduled without run_at": (jobs("scheduled", run_at=None), "waiting_has_stamps"),
    "queued without published_at": (jobs("queued", published_at=None), "waiting_has_stamps"),
    "an attempt counted but not there": (jobs("succeeded", attempt=2), "attempts_contiguous"),
    "an attempt removed": (no_attempt, "attempts_contiguous"),
    "an attempt renumbered": (attempts("retrying", number=2), "attempts_contiguous"),
    "an outcome forgotten": (jobs("retrying", closed=0), "closed_is_the_latest_outcome"),
    "a success declared": (jobs("queued", state=State.SUCCEEDED, finished_at=timezone.now()), "one_success"),
    "a success undone": (
        jobs("succeeded", state=State.QUEUED, finished_at=None, queued_at=timezone.now(), published_at=timezone.now()),
        "one_success",
    ),
    "two successes": (one_more_attempt("succeeded", 2, Outcome.SUCCEEDED), "one_success"),
    "running without an attempt": (jobs("queued", state=State.RUNNING), "one_running_attempt"),
    "a running attempt of a finished job": (one_more_attempt("succeeded", 2, "running"), "one_running_attempt"),
    "two running attempts": (one_more_attempt("running", 2, "running"), "one_running_attempt"),
    "an outcome without an end": (attempts("retrying", finished_at=None), "attempts_have_ends"),
    "an attempt without a start": (attempts("retrying", started_at=None), "attempts_have_ends"),
    "an outcome that does not exist": (attempts("retrying", outcome="well"), "attempts_have_ends"),
    "a budget larger than life": (jobs("retrying", failures=3), "budget_within_attempts"),
    "dead without a letter": (no_letter, "dead_have_letters"),
    "two letters of one death": (two_letters, "dead_have_letters"),
    "a letter for the living": (a_letter_for_the_living, "dead_have_letters"),
    "a death undone": (
        jobs("dead", state=State.SCHEDULED, finished_at=None, run_at=timezone.now() + timedelta(days=1)),
        "dead_have_letters",
    ),
    "a letter resolved at no time": (a_letter_resolved_never, "letters_are_resolved"),
    "a job deleted": (a_deleted_job, "rollups_add_up"),
    "a success counted twice": (a_rollup_of_all_time, "rollups_add_up"),
    "a minute that lost a count": (a_rollup_of_a_minute, "minutes_add_up"),
    "a cancel without its action": (no_action, "cancels_are_recorded"),
    "a key that points nowhere": (a_key_that_points_nowhere, "keys_answer"),
    "a chord without its body": (a_chord_without_body, "chords_complete"),
    "a chord left incomplete": (a_chord_left_incomplete, "chords_complete"),
    "a chain that broke off": (jobs("succeeded", follows={"chain": [{"task": "noop"}]}), "successors_exist"),
    "a link that was not followed": (jobs("succeeded", follows={"link": [{"task": "noop"}]}), "successors_exist"),
}


@pytest.mark.parametrize(("tamper", "check"), TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_tampering_is_found_and_the_row_is_named(world: World, tamper: Callable[[World], str], check: str) -> None:
    assert look() == []
    name = tamper(world)
    found = {(finding.check, finding.object) for finding in look()}
    assert (check, name) in found


def test_every_check_of_rows_is_shown_to_fail() -> None:
    from jobs.verification import findings

    elsewhere = {
        "queued_is_somewhere",
        "running_is_seen",
        "due_is_queued",
        "cancels_happen",
        "expiries_happen",
        "journal_is_read",
        "quarantine_is_empty",
        "claims_run_out",
        "mirror_is_true",
        "groups_add_up",  # tests/integration/dlq/test_keeping.py
    }
    shown = {check for _tamper, check in TAMPERINGS.values()} | elsewhere
    assert {check.name for check in findings.every()} - shown == set()
