"""A death opens a letter in a group, in the transaction that records it; counts follow, windows are right."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from dlq import burial, counting, groups, queries, triage
from dlq.counting import By
from dlq.models import DeadLetter, Group, GroupCount, Triage
from dlq.signals import GroupChanged, group_changed
from jobs.domain.actors import CODE
from jobs.domain.journal import Failure
from jobs.domain.states import Burial, State
from jobs.lifecycle import recording
from jobs.models import Job
from jobs.shortcuts import task
from jobs.signals import Buried
from tests import factories
from tests.support import invariants

NOON = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)


@task(name="tests.dlq.shared_one", fingerprint="shared", runbook="https://runbook.test/shared")
def shared_one() -> None: ...


@task(name="tests.dlq.shared_two", fingerprint="shared")
def shared_two() -> None: ...


def die(job: Job, *, failure: Failure | None = None, attempt: int = 1, at: datetime | None = None) -> None:
    at_ms = None if at is None else factories.milliseconds(at)
    entry = factories.buried(job, attempt, at_ms=at_ms)
    if failure is not None:
        entry = factories.ended(
            job, attempt, outcome=entry.outcome, verdict=entry.verdict, at_ms=at_ms, failure=failure
        )
    recording.record([factories.started(job, attempt, at_ms=at_ms), entry])


def test_a_death_opens_one_letter_that_keeps_everything() -> None:
    job = factories.make_job(State.QUEUED, task="charge", payload={"amount": 3})
    die(job, failure=Failure("shop.Error", "no 17", "Traceback", ("KeyError",), ("shop:f",)), at=NOON)
    letter = DeadLetter.objects.get()
    assert (letter.job_id, letter.reason, letter.resolution) == (job.id, Burial.EXHAUSTED, "open")
    assert (letter.error_type, letter.error, letter.traceback) == ("shop.Error", "no 17", "Traceback")
    assert (letter.payload, letter.attempts, letter.created_at) == ({"amount": 3}, 1, NOON)
    group = letter.group
    assert (group.title, group.state, group.tasks) == ("Error: no <n>", Triage.NEW, ["charge"])
    assert (group.open, group.total, group.first_seen, group.last_seen) == (1, 1, NOON, NOON)
    invariants.assert_all()


def test_three_kinds_of_failure_500_times_each_are_three_groups() -> None:
    kinds = [
        lambda n: Failure("shop.Timeout", f"no answer from 10.0.0.{n} in {n}.5 s", frames=("shop:post",)),
        lambda n: Failure("ValueError", f"bad row {n} in /srv/in/{n}.csv", frames=("shop:parse",)),
        lambda n: Failure("WorkerLost", f"The worker w{n}@host (process {n}) was not heard of any more."),
    ]
    for kind in kinds:
        jobs = factories.make_jobs(500, State.QUEUED, task="charge")
        burials = [Buried(job, Burial.EXHAUSTED, kind(n), NOON) for n, job in enumerate(jobs)]
        burial.bury(burials)
    assert sorted(Group.objects.values_list("open", "total")) == [(500, 500)] * 3
    other = Failure("shop.Timeout", "no answer", causes=("OSError",), frames=("shop:post",))
    burial.bury([Buried(factories.make_job(State.QUEUED, task="charge"), Burial.EXHAUSTED, other, NOON)])
    assert Group.objects.count() == 4


def test_tasks_that_say_so_share_a_group() -> None:
    for name in ("tests.dlq.shared_one", "tests.dlq.shared_two"):
        die(factories.make_job(State.QUEUED, task=name), failure=Failure(name, name))
    group = Group.objects.get()
    assert group.tasks == ["tests.dlq.shared_one", "tests.dlq.shared_two"]
    [row] = queries.with_counts([group], now=timezone.now())
    assert row.runbook == "https://runbook.test/shared"


def test_the_windows_count_what_died_in_them_without_looking_at_letters(django_assert_num_queries: object) -> None:
    ages = [timedelta(minutes=5), timedelta(hours=2), timedelta(hours=20), timedelta(hours=60), timedelta(days=6)]
    for age in [*ages, timedelta(days=9)]:
        die(factories.make_job(State.QUEUED), at=NOON - age)
    print_ = Group.objects.get().fingerprint
    with django_assert_num_queries(2):  # type: ignore[operator]
        counts = counting.windows([print_], now=NOON)
    assert counts == {print_: {"1h": 1, "3h": 2, "24h": 3, "3d": 4, "7d": 5}}
    hours = counting.hours([print_], now=NOON)[print_]
    assert (len(hours), sum(hours), hours[-1], hours[-3]) == (24, 3, 0, 1)
    assert counting.died_within("3h", now=NOON) == {print_: 2}


def test_deaths_are_counted_by_task_by_queue_and_by_exception() -> None:
    for name, queue, kind in (("a", "high", "X"), ("a", "low", "X"), ("b", "low", "Y"), ("b", "low", "Y")):
        die(factories.make_job(State.QUEUED, task=name, queue=queue), failure=Failure(kind, kind), at=NOON)
    wanted = {By.TASK: {"a": 2, "b": 2}, By.QUEUE: {"high": 1, "low": 3}, By.EXCEPTION: {"X": 2, "Y": 2}}
    for by, expected in wanted.items():
        assert counting.died_within("1h", now=NOON, by=by) == expected
        assert {key: n["7d"] for key, n in counting.windows(expected, now=NOON, by=by).items()} == expected
        assert {key: sum(n) for key, n in counting.hours(expected, now=NOON, by=by).items()} == expected
        rows = queries.bundles(by, window="24h", now=NOON)
        assert {row.key: (row.counts["24h"], row.hours[-1]) for row in rows} == {k: (n, n) for k, n in expected.items()}
    assert [row.group.tasks for row in queries.ranked(window="24h", now=NOON, among=(By.QUEUE, "high"))] == [["a"]]


def test_what_is_new_in_the_window_comes_first_whatever_the_bundle() -> None:
    for age in (timedelta(days=3), timedelta(minutes=5), timedelta(minutes=4)):
        die(factories.make_job(State.QUEUED, task="old"), at=NOON - age)
    die(factories.make_job(State.QUEUED, task="new"), failure=Failure("New", "new"), at=NOON)
    assert [row.key for row in queries.bundles(By.TASK, window="24h", now=NOON)] == ["new", "old"]


def test_counts_beyond_every_window_are_pruned() -> None:
    die(factories.make_job(State.QUEUED), at=NOON - timedelta(days=9))
    die(factories.make_job(State.QUEUED), at=NOON)
    counting.prune(NOON)
    assert GroupCount.objects.count() == 2


def test_a_resolved_group_that_comes_back_is_regressed() -> None:
    die(factories.make_job(State.QUEUED))
    print_ = Group.objects.get().fingerprint
    triage.resolve(print_, actor=CODE, reason="fixed in 2.1")
    die(factories.make_job(State.QUEUED))
    group = Group.objects.get()
    assert (group.state, group.open, group.state_by) == (Triage.REGRESSED, 2, "keeper")


def test_a_muted_group_stays_quiet_until_so_many_more_have_died() -> None:
    die(factories.make_job(State.QUEUED))
    print_ = Group.objects.get().fingerprint
    triage.mute(print_, actor=CODE, deaths=2)
    die(factories.make_job(State.QUEUED))
    assert Group.objects.get().state == Triage.MUTED
    die(factories.make_job(State.QUEUED))
    group = Group.objects.get()
    assert (group.state, group.muted_until_total) == (Triage.NEW, None)


def test_a_muted_group_comes_back_at_its_date_even_when_nothing_happens() -> None:
    die(factories.make_job(State.QUEUED))
    print_ = Group.objects.get().fingerprint
    until = timezone.now() + timedelta(hours=1)
    triage.mute(print_, actor=CODE, until=until)
    groups.end_mutes(until - timedelta(seconds=1))
    assert Group.objects.get().state == Triage.MUTED
    groups.end_mutes(until)
    assert Group.objects.get().state == Triage.NEW


def test_a_repeated_burial_changes_nothing() -> None:
    job = factories.make_job(State.QUEUED)
    entry = factories.buried(job)
    recording.record([entry])
    recording.record([entry, factories.late(job)])
    assert (DeadLetter.objects.count(), Group.objects.get().total) == (1, 1)


def test_groups_are_told_of_after_the_commit_only(django_capture_on_commit_callbacks: object) -> None:
    told: list[GroupChanged] = []

    def listen(sender: object, change: GroupChanged, **_kwargs: object) -> None:
        told.append(change)

    group_changed.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            die(factories.make_job(State.QUEUED))
            assert told == []
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            die(factories.make_job(State.QUEUED))
            triage.acknowledge(Group.objects.get().fingerprint, actor=CODE)
    finally:
        group_changed.disconnect(listen)
    assert [(change.before, change.after) for change in told] == [("", "new"), ("new", "acknowledged")]


@pytest.mark.parametrize("count", [1, 50])
def test_recording_deaths_takes_as_many_queries_whatever_their_number(
    count: int, django_assert_max_num_queries: object
) -> None:
    jobs = factories.make_jobs(count, State.QUEUED)
    with django_assert_max_num_queries(22):  # type: ignore[operator]
        recording.record([entry for job in jobs for entry in (factories.started(job), factories.buried(job))])
    assert DeadLetter.objects.count() == count
