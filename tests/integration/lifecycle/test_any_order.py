"""The fence, through SQL: a mixed-up journal in batches of any size ends in the rows of the orderly one."""

import itertools
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from jobs.domain.states import State
from jobs.lifecycle import applying, recording, rows
from jobs.models import Job, Rollup
from tests import factories
from tests.support import histories
from tests.support.histories import Mixture

FIELDS = list(rows.ATTEMPT_COLUMNS)


def record(job: Job, entries: list[applying.JobEntry], cuts: list[int]) -> None:
    entries = histories.about(str(job.id), entries)
    edges = sorted({0, *(cut % (len(entries) + 1) for cut in cuts), len(entries)})
    for begin, end in itertools.pairwise(edges):
        recording.record(entries[begin:end])


def rows_of(job: Job) -> dict[str, Any]:
    rollups = Rollup.objects.filter(task=job.task).order_by("minute")
    return {
        "job": Job.objects.values(*rows.JOB_COLUMNS).get(id=job.id),
        "attempts": list(job.attempts.order_by("number").values("number", *FIELDS)),
        "letters": list(job.dead_letters.values("reason", "error", "created_at")),
        "rollups": [(row.minute, row.counts, row.waits, row.runs) for row in rollups],
    }


@pytest.mark.timeout(240)
@hypothesis.settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories.mixtures(), st.lists(st.integers(0, 30), max_size=4))
def test_any_order_in_any_batches_ends_in_the_same_rows(mixture: Mixture, cuts: list[int]) -> None:
    began = applying.moment(histories.BEGAN_MS)
    orderly = factories.make_job(State.QUEUED, now=began, task="orderly")
    mixed_up = factories.make_job(State.QUEUED, now=began, task="mixed up")
    Rollup.objects.all().delete()
    record(orderly, mixture.written, list(range(30)))
    record(mixed_up, mixture.arrived, cuts)
    assert rows_of(mixed_up) == rows_of(orderly)
