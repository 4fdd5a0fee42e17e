"""Which keeping time holds for a queue and a state."""

import pytest

from jobs.domain import retention

EXCEPTIONS = {"low/succeeded": 1.0, "low/*": 2.0, "*/succeeded": 3.0}


@pytest.mark.parametrize(
    ("queue", "state", "expected"),
    [
        ("low", "succeeded", 1.0),
        ("low", "cancelled", 2.0),
        ("high", "succeeded", 3.0),
        ("high", "cancelled", 9.0),
    ],
)
def test_the_most_specific_exception_holds(queue: str, state: str, expected: float) -> None:
    assert retention.keep_seconds(queue, state, usual=9.0, exceptions=EXCEPTIONS) == expected


def test_without_a_usual_time_it_is_for_ever() -> None:
    assert retention.keep_seconds("high", "dead", usual=None, exceptions=EXCEPTIONS) is None


@pytest.mark.parametrize(
    ("key", "seconds", "is_fine"),
    [
        ("low/dead", 60, True),
        ("*/*", 0, True),
        ("low", 60, False),
        ("/dead", 60, False),
        ("low/lost", 60, False),
        ("low/dead", -1, False),
        ("low/dead", "a day", False),
        ("low/dead", True, False),
    ],
)
def test_an_exception_that_means_nothing_is_told(key: str, seconds: object, is_fine: bool) -> None:
    problem = retention.problem_with(key, seconds, states=frozenset({"dead", "succeeded"}))
    assert (not problem) == is_fine
