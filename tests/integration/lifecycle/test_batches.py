"""A batch costs as many statements whatever its size, and the rollups add up to the transitions that it made."""

from datetime import timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.domain.journal import Executor, Failure, Progressed
from jobs.domain.states import Outcome
from jobs.lifecycle import recording
from jobs.models import Attempt, Job, Rollup
from jobs.models.rollup import ALL_TIME
from jobs.signals import Buried, jobs_buried
from tests import factories
from tests.support import invariants


def counts(*, minute: object = None, queue: str = "default", task: str = "noop") -> dict[str, int]:
    found: dict[str, int] = {}
    rows = Rollup.objects.filter(queue=queue, task=task)
    for row in rows.filter(minute=ALL_TIME) if minute is ALL_TIME else rows.exclude(minute=ALL_TIME):
        for name, count in row.counts.items():
            found[name] = found.get(name, 0) + count
    return found


def batch(size: int, *, kinds: int = 5) -> list[Any]:
    """Every kind of outcome, over so many jobs."""
    entries: list[Any] = []
    for place, job in enumerate(factories.make_jobs(size)):
        entries.append(factories.started(job))
        match place % kinds:
            case 0:
                entries.append(factories.ended(job, result={"place": place}))
            case 1:
                entries.append(factories.ended(job, outcome=Outcome.FAILED))
            case 2:
                entries += [factories.ended(job, outcome=Outcome.LOST), factories.late(job)]
            case 3:
                entries.append(Progressed(str(job.id), 1, factories.now_ms(), 10.0, "x"))
            case 4:
                entries.append(factories.buried(job))
    return entries


def test_the_number_of_queries_does_not_grow_with_the_batch() -> None:
    small, large = batch(10, kinds=4), batch(400, kinds=4)
    with CaptureQueriesContext(connection) as few:
        recording.record(small)
    with CaptureQueriesContext(connection) as many:
        recording.record(large)
    assert len(many) <= len(few), "\n".join(query["sql"][:150] for query in many)
    assert len(few) <= 11  # the first of a minute makes its rollups
    invariants.assert_all()


def test_deaths_cost_a_few_queries_whatever_their_number() -> None:
    small, large = batch(10), batch(400)
    with CaptureQueriesContext(connection) as few:
        recording.record(small)
    with CaptureQueriesContext(connection) as many:
        recording.record(large)
    assert len(many) <= len(few) + 2, "\n".join(query["sql"][:150] for query in many)


def test_the_rollups_add_up_to_the_transitions_made() -> None:
    recording.record(batch(50))
    expected = {
        "started": 50,
        "succeeded": 10,
        "dead": 10,
        "retrying": 20,
        "attempt_failed": 20,
        "attempt_lost": 10,
    }
    assert counts() == expected
    assert counts(minute=ALL_TIME) == expected


def test_a_batch_read_again_is_not_counted_again() -> None:
    entries = batch(20)
    recording.record(entries)
    before = list(Rollup.objects.order_by("id").values())
    recording.record(entries)
    assert list(Rollup.objects.order_by("id").values()) == before


def test_waits_and_runs_are_counted_by_bucket() -> None:
    job = factories.make_job()
    recording.record([factories.started(job), factories.ended(job)])
    row = Rollup.objects.exclude(minute=ALL_TIME).get()
    assert (row.waits, row.runs) == ({"0.1": 1}, {"0.25": 1})


def test_what_happens_in_two_minutes_is_counted_in_each() -> None:
    job, minute = factories.make_job(), 60_000
    began = 1_760_000_040_000
    recording.record([factories.started(job, at_ms=began), factories.ended(job, at_ms=began + minute)])
    rows = Rollup.objects.exclude(minute=ALL_TIME).order_by("minute")
    assert [row.counts for row in rows] == [{"started": 1}, {"succeeded": 1}]
    assert rows[1].minute - rows[0].minute == timedelta(minutes=1)


AWKWARD = [
    '"',
    "\\",
    '\\"',
    "{}",
    "{a,b}",
    "NULL",
    "null",
    "",
    " ",
    "a b ",
    "\n\t\r",
    "'",
    "%s",
    "$1",
    "é😀\u2028",
    "\x01\x7f",
]


def test_texts_arrive_as_they_are() -> None:
    jobs = factories.make_jobs(len(AWKWARD))
    failures = [Failure(type=f"E{text}", message=text, traceback=text * 2, causes=(text,)) for text in AWKWARD]
    entries = [
        factories.ended(job, outcome=Outcome.FAILED, by=Executor(f"w{failure.message}", "inc", 1, 1), failure=failure)
        for job, failure in zip(jobs, failures, strict=True)
    ]
    recording.record(entries)
    found = {row.job_id: row for row in Attempt.objects.all()}
    for job, text in zip(jobs, AWKWARD, strict=True):
        row = found[job.id]
        assert (row.error_type, row.error, row.traceback, row.causes, row.worker) == (
            f"E{text}",
            text,
            text * 2,
            [text],
            f"w{text}",
        )


def test_results_arrive_as_they_are() -> None:
    results = [*AWKWARD, None, True, 0, -1.5, [], {}, [AWKWARD], {text or "-": [text, None] for text in AWKWARD}]
    jobs = factories.make_jobs(len(results))
    recording.record([factories.ended(job, result=result) for job, result in zip(jobs, results, strict=True)])
    found = dict(Job.objects.values_list("id", "result"))
    assert [found[job.id] for job in jobs] == results


def test_a_job_that_dies_is_told_of_with_all_its_columns() -> None:
    """What recording itself does not read is read for all of them at once."""
    jobs = factories.make_jobs(3)
    told: list[Job] = []

    def listen(burials: list[Buried], **_kwargs: Any) -> None:
        with CaptureQueriesContext(connection) as seen:
            told.extend(one.job for one in burials)
            assert [one.job.payload for one in burials] == [job.payload for job in jobs]
            assert [one.job.created_at for one in burials] == [job.created_at for job in jobs]
        assert len(seen) == 0

    jobs_buried.connect(listen)
    try:
        recording.record([factories.buried(job) for job in jobs])
    finally:
        jobs_buried.disconnect(listen)
    assert len(told) == len(jobs)
