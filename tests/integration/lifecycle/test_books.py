"""The counts of all time stay true when jobs are pruned, and when a job is dead from its first row on."""

# Shows guarantee 6 of docs/guarantees.md.

from datetime import timedelta

from django.utils import timezone

from dlq.models import DeadLetter
from jobs import conf
from jobs.broker import connections, journal
from jobs.domain.journal import Adopted
from jobs.domain.states import Burial, State
from jobs.keeper import pruner, sampler
from jobs.keeper.recorder import Recorder
from jobs.models import Job, Rollup
from jobs.models.ids import uuid7
from jobs.models.rollup import ALL_TIME
from jobs.verification import counts
from tests import factories
from tests.support import invariants
from tests.support.workers import Worker


def run_some(count: int) -> list[Job]:
    journal.open_group(connections.patient())
    worker, jobs = Worker(), factories.make_jobs(count)
    for job in jobs:
        worker.start(job)
        worker.finish(job)
    Recorder().drain()
    return jobs


def test_pruned_jobs_are_still_counted() -> None:
    run_some(3)
    later = timezone.now() + timedelta(seconds=conf.current().KEEP_FINAL_SECONDS + 60)
    assert pruner.prune(later).jobs == 3
    assert not Job.objects.exists()
    [row] = Rollup.objects.filter(minute=ALL_TIME)
    assert (row.counts["succeeded"], row.counts["pruned_succeeded"], row.counts["pruned_started"]) == (3, 3, 3)
    assert sampler.count_all_time().counts["succeeded"] == 3
    invariants.assert_all()
    ledger = counts.balance(stuck=0)
    assert (ledger.submitted, ledger.pruned, ledger.unaccounted) == (3, 3, 0)


def test_what_left_the_waiting_line_meanwhile_is_not_pruned() -> None:
    from jobs.lifecycle import pruning

    [job] = run_some(1)
    assert pruning.prune([job.id], states=[State.DEAD]) == 0
    assert Job.objects.filter(id=job.id).exists()


def test_a_message_nobody_can_read_is_counted_among_the_dead() -> None:
    client = connections.patient()
    journal.open_group(client)
    adopted = Adopted(str(uuid7()), 0, "default", "unknown", raw="AAAA", reason=Burial.UNDECODABLE)
    journal.report_adopted(client, adopted)
    Recorder().drain()
    job = Job.objects.get()
    assert job.state == State.DEAD
    assert DeadLetter.objects.filter(job=job).count() == 1
    assert sampler.count_all_time().counts["dead"] == 1
    invariants.assert_all()
