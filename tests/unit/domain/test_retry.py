"""When a failed job runs again, and when it is buried."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain import retry
from jobs.domain.retry import Budget, Jitter, Next, RetryPolicy
from jobs.domain.states import Burial, Outcome

DRAWS = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(("failures", "wait"), [(1, 2), (2, 4), (3, 8), (4, 16), (5, 32)])
def test_the_nth_failure_waits_two_to_the_n_seconds(failures: int, wait: float) -> None:
    assert RetryPolicy().wait_seconds(failures, draw=0.0) == wait


@given(failures=st.integers(1, 10), draw=DRAWS)
def test_jitter_adds_up_to_thirty_percent(failures: int, draw: float) -> None:
    wait = RetryPolicy().wait_seconds(failures, draw)
    assert 2**failures <= wait < 1.3 * 2**failures + 1e-9


def test_the_whole_jitter_window_is_used() -> None:
    assert RetryPolicy().wait_seconds(1, draw=0.5) == pytest.approx(2.3)
    assert RetryPolicy().wait_seconds(1, draw=0.999_999) == pytest.approx(2.6, abs=1e-4)


@given(failures=st.integers(1, 10_000), draw=DRAWS)
def test_the_cap_holds_however_often_a_job_failed(failures: int, draw: float) -> None:
    wait = RetryPolicy(max_retries=None, cap_seconds=100).wait_seconds(failures, draw)
    assert wait <= 130


@given(failures=st.integers(1, 20), draw=DRAWS)
def test_full_jitter_draws_from_the_whole_wait(failures: int, draw: float) -> None:
    policy = RetryPolicy(jitter=Jitter.FULL, first_exponent=0)
    assert policy.wait_seconds(failures, draw) == min(2.0 ** (failures - 1), 3600) * draw


def test_without_jitter_the_wait_is_exact() -> None:
    assert RetryPolicy(jitter=Jitter.NONE, factor=5, first_exponent=0).wait_seconds(3, draw=0.9) == 20


@given(failures=st.integers(1, 50), draw=DRAWS)
def test_a_fixed_wait_never_changes(failures: int, draw: float) -> None:
    assert RetryPolicy(fixed_seconds=7.5).wait_seconds(failures, draw) == 7.5


@given(max_retries=st.integers(0, 12))
def test_max_retries_counts_retries_after_the_first_attempt(max_retries: int) -> None:
    policy, attempts = RetryPolicy(max_retries=max_retries), 1
    verdict = retry.fail(Budget(), policy, draw=0.5)
    while verdict.next is Next.RETRY:
        attempts += 1
        verdict = retry.fail(verdict.budget, policy, draw=0.5)
    assert attempts == max_retries + 1
    assert verdict.reason is Burial.EXHAUSTED


def test_without_a_limit_a_job_is_tried_again_for_ever() -> None:
    verdict = retry.fail(Budget(failures=1_000_000), RetryPolicy(max_retries=None), draw=0.0)
    assert verdict.next is Next.RETRY


def test_what_is_not_retryable_is_buried_at_once() -> None:
    verdict = retry.fail(Budget(), RetryPolicy(), draw=0.0, retryable=False)
    assert (verdict.next, verdict.reason, verdict.budget.failures) == (Next.BURY, Burial.NOT_RETRYABLE, 1)


def test_the_code_may_ask_for_a_wait_of_its_own() -> None:
    verdict = retry.fail(Budget(), RetryPolicy(), draw=0.9, after_seconds=0.0)
    assert (verdict.next, verdict.wait_seconds) == (Next.RETRY, 0.0)


def test_asking_for_a_wait_does_not_lift_the_budget() -> None:
    verdict = retry.fail(Budget(failures=3), RetryPolicy(max_retries=3), draw=0.0, after_seconds=5)
    assert verdict.next is Next.BURY


def test_running_out_of_time_for_good_has_its_own_reason() -> None:
    policy = RetryPolicy(max_retries=0)
    assert retry.fail(Budget(), policy, draw=0.0, outcome=Outcome.TIMED_OUT).reason is Burial.TIMED_OUT
    assert retry.fail(Budget(), policy, draw=0.0, outcome=Outcome.FAILED).reason is Burial.EXHAUSTED


def test_the_time_scale_shortens_the_wait() -> None:
    assert retry.fail(Budget(), RetryPolicy(), draw=0.0, time_scale=0.1).wait_seconds == pytest.approx(0.2)


def test_the_third_loss_buries_the_job_as_a_crash_loop() -> None:
    budget, verdicts = Budget(failures=2), []
    for _ in range(3):
        verdict = retry.lose(budget)
        budget = verdict.budget
        verdicts.append((verdict.next, verdict.reason))
    assert verdicts == [(Next.RETRY, None), (Next.RETRY, None), (Next.BURY, Burial.CRASH_LOOP)]
    assert budget == Budget(failures=2, losses=3)


def test_a_loss_is_tried_again_without_a_wait() -> None:
    assert retry.lose(Budget()).wait_seconds == 0


def test_losses_and_failures_do_not_use_up_each_others_budget() -> None:
    assert retry.fail(Budget(losses=2), RetryPolicy(max_retries=1), draw=0.0).next is Next.RETRY
    assert retry.lose(Budget(failures=99)).next is Next.RETRY


@given(interruptions=st.integers(1, 50))
def test_an_interruption_costs_nothing_however_often(interruptions: int) -> None:
    budget = Budget(failures=1, losses=2, unknowns=3)
    for _ in range(interruptions):
        verdict = retry.interrupt(budget)
        assert (verdict.next, verdict.wait_seconds) == (Next.RETRY, 0.0)
        assert verdict.budget == budget


def test_an_unknown_task_waits_minutes_and_is_buried_after_half_an_hour() -> None:
    budget, minutes, verdict = Budget(), [], retry.not_know(Budget())
    while verdict.next is Next.RETRY:
        minutes.append(verdict.wait_seconds / 60)
        budget = verdict.budget
        verdict = retry.not_know(budget)
    assert minutes == [1, 2, 4, 8, 16]
    assert verdict.reason is Burial.UNKNOWN_TASK


def test_not_knowing_a_task_costs_no_retry() -> None:
    assert retry.not_know(Budget(failures=1, losses=1)).budget == Budget(failures=1, losses=1, unknowns=1)


@pytest.mark.parametrize("ending", [retry.succeed, retry.cancel])
def test_a_final_outcome_leaves_the_budget_as_it_was(ending: object) -> None:
    budget = Budget(1, 2, 3)
    assert callable(ending)
    assert ending(budget).budget == budget
