"""The lifecycle table against an expectation written by hand, and the fence around closed attempts."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from jobs.domain import lifecycle
from jobs.domain.lifecycle import Standing
from jobs.domain.states import CELERY_STATUS, FINAL, WAITING, Event, State

# Rows: events. Columns: the state before. A dot: nothing happens.
EXPECTED = """
                scheduled  queued     running    retrying   succeeded  dead       cancelled  expired
fell_due        queued     .          .          queued     .          .          .          .
started         running    running    running    running    .          .          .          .
succeeded       succeeded  succeeded  succeeded  succeeded  .          .          .          .
retry_granted   retrying   retrying   retrying   retrying   .          .          .          .
buried          dead       dead       dead       dead       .          .          .          .
cancelled       cancelled  cancelled  cancelled  cancelled  .          .          .          .
expired         expired    expired    .          expired    .          .          .          .
requeued        .          .          .          .          .          queued     .          .
"""


def _pairs() -> list[tuple[State, Event, State | None]]:
    header, *rows = [line.split() for line in EXPECTED.strip().splitlines()]
    return [
        (State(state), Event(event), None if target == "." else State(target))
        for event, *targets in rows
        for state, target in zip(header, targets, strict=True)
    ]


def test_the_expectation_covers_every_pair() -> None:
    pairs = [(state, event) for state, event, _ in _pairs()]
    assert sorted(pairs) == sorted((state, event) for state in State for event in Event)


@pytest.mark.parametrize(("state", "event", "target"), _pairs())
def test_an_event_leads_where_the_lifecycle_says(state: State, event: Event, target: State | None) -> None:
    assert lifecycle.move(state, event) == target


def test_a_final_state_is_left_only_by_requeueing_the_dead() -> None:
    ways_out = {(state, event) for state, event in lifecycle.TABLE if state in FINAL}
    assert ways_out == {(State.DEAD, Event.REQUEUED)}


def test_every_state_is_waiting_running_or_final() -> None:
    assert WAITING | FINAL | {State.RUNNING} == set(State)
    assert not WAITING & FINAL


def test_every_state_has_a_name_in_celerys_words() -> None:
    assert set(CELERY_STATUS) == set(State)


@pytest.mark.parametrize("event", [e for e in Event if e is not Event.FELL_DUE])
@pytest.mark.parametrize("state", list(State))
def test_nothing_said_of_a_closed_attempt_moves_a_job(state: State, event: Event) -> None:
    for attempt in (1, 2):
        assert lifecycle.move_on(Standing(state, attempt=3, closed=2), event, attempt) is None


def test_nothing_said_of_a_superseded_attempt_moves_a_job() -> None:
    running_the_third = Standing(State.RUNNING, attempt=3, closed=1)
    for event in Event:
        assert lifecycle.move_on(running_the_third, event, 2) is None


def test_a_second_start_of_the_running_attempt_changes_nothing() -> None:
    assert lifecycle.move_on(Standing(State.RUNNING, attempt=1, closed=0), Event.STARTED, 1) is None


def test_a_later_start_takes_over_from_an_attempt_whose_end_is_still_on_its_way() -> None:
    assert lifecycle.move_on(Standing(State.RUNNING, attempt=1, closed=0), Event.STARTED, 2) is State.RUNNING


@pytest.mark.parametrize(("event", "target"), [(Event.CANCELLED, State.CANCELLED), (Event.EXPIRED, State.EXPIRED)])
def test_the_withdrawal_of_the_next_attempt_counts_though_the_last_ones_end_is_on_its_way(
    event: Event, target: State
) -> None:
    assert lifecycle.move_on(Standing(State.RUNNING, attempt=1, closed=0), event, 2) is target


def test_the_running_attempt_itself_can_not_expire() -> None:
    assert lifecycle.move_on(Standing(State.RUNNING, attempt=1, closed=0), Event.EXPIRED, 1) is None


def test_an_end_may_be_told_before_its_start() -> None:
    assert lifecycle.move_on(Standing(State.QUEUED, attempt=0, closed=0), Event.SUCCEEDED, 1) is State.SUCCEEDED


class JobsLife(RuleBasedStateMachine):
    """Whatever is said, in whatever order: final stays final, attempts only rise, closed ones never speak again."""

    attempts = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.standing = Standing(State.QUEUED, 0, 0)

    @rule(event=st.sampled_from(list(Event)), attempt=st.integers(1, 6))
    def something_is_said(self, event: Event, attempt: int) -> None:
        before = self.standing
        target = lifecycle.move_on(before, event, attempt)
        if target is None:
            return
        assert attempt > before.closed, "a closed attempt moved the job"
        assert attempt >= before.attempt, "a superseded attempt moved the job"
        assert before.state not in FINAL or (before.state is State.DEAD and event is Event.REQUEUED)
        closes = event in {Event.SUCCEEDED, Event.RETRY_GRANTED, Event.BURIED}
        self.standing = Standing(target, max(before.attempt, attempt), attempt if closes else before.closed)

    @invariant()
    def closed_attempts_have_started(self) -> None:
        assert self.standing.closed <= self.standing.attempt


TestJobsLife = JobsLife.TestCase
