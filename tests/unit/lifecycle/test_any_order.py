"""The fence: any permutation and repetition of a job's journal ends in the same rows and the same counts."""

# Shows guarantee 2 of docs/guarantees.md.

from typing import Any

import hypothesis
import pytest
from hypothesis import given

from jobs.domain.states import State
from jobs.lifecycle import applying, rollups
from jobs.lifecycle.applying import Case, JobEntry
from jobs.lifecycle.rows import ATTEMPT_COLUMNS, JOB_COLUMNS
from tests import factories
from tests.support import histories
from tests.support.histories import Mixture

EXAMPLES = 1_000


def end_of(entries: list[JobEntry]) -> dict[str, Any]:
    """Everything that applying these leaves behind."""
    case = Case(factories.build_job(State.QUEUED, now=applying.moment(histories.BEGAN_MS), id=histories.JOB_ID))
    for entry in entries:
        applying.apply(case, entry)
    return {
        "job": {name: getattr(case.job, name) for name in JOB_COLUMNS},
        "attempts": {
            number: {name: getattr(attempt, name) for name in ATTEMPT_COLUMNS}
            for number, attempt in sorted(case.attempts.items())
        },
        "counts": {key: (tally.counts, tally.waits, tally.runs) for key, tally in rollups.count([case]).items()},
        "letter": case.buried and (case.buried.reason, case.buried.at),
    }


@pytest.mark.timeout(240)
@hypothesis.settings(max_examples=EXAMPLES)
@given(histories.mixtures())
def test_any_order_and_any_repetition_end_in_the_same_rows(mixture: Mixture) -> None:
    assert end_of(mixture.arrived) == end_of(mixture.written)


@given(histories.histories())
def test_a_journal_read_twice_changes_nothing(written: list[JobEntry]) -> None:
    assert end_of([*written, *written]) == end_of(written)


@given(histories.histories())
def test_a_journal_read_backwards_ends_in_the_same_rows(written: list[JobEntry]) -> None:
    assert end_of(written[::-1]) == end_of(written)
