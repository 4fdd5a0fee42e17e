"""`manage.py loadtest`: its report, and its exit code when something did not end."""

import re

import pytest

from tests.support.story import Story

RULE = "=" * 54


def test_the_report_ends_with_what_was_lost_duplicated_and_dead(story: Story) -> None:
    lines = story.manage("loadtest", "--jobs", "100", seconds=120).stdout.splitlines()
    assert lines[:3] == [RULE, "LOAD TEST — 100 jobs", RULE]
    assert [line for line in lines if line.startswith("Submitting")] == [
        "Submitting 20 email jobs to [high] queue...",
        "Submitting 60 data processing jobs to [default] queue...",
        "Submitting 20 report jobs to [low] queue...",
    ]
    assert len([line for line in lines if re.match(r"Done in \d+\.\d\ds \(\d+ jobs/sec submitted\)$", line)]) == 3
    assert any(re.match(r"Avg submission rate: \d+ jobs/sec$", line) for line in lines)
    assert any(re.match(r"Drain rate: \d+ jobs/sec$", line) for line in lines)
    assert lines[-1] == "lost 0 · duplicated 0 · dead 0"


@pytest.mark.long
def test_jobs_that_do_not_end_are_lost_and_the_exit_code_says_so(fresh: Story) -> None:
    """Nobody records what the worker reports."""
    fresh.start_worker()
    done = fresh.manage("loadtest", "--jobs", "10", "--timeout", "3", seconds=60, check=False)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "lost 10 · duplicated 0 · dead 0"
    assert "verify" in done.stderr


def test_without_workers_nothing_is_submitted(fresh: Story) -> None:
    done = fresh.manage("loadtest", "--jobs", "10", seconds=60, check=False)
    assert done.returncode == 1
    assert "No worker serves high, default, low" in done.stderr
    assert fresh.call("answer = Job.objects.count()") == 0


def test_a_number_of_jobs_that_is_none_is_bad_usage(fresh: Story) -> None:
    done = fresh.manage("loadtest", "--jobs", "few", seconds=60, check=False)
    assert done.returncode == 2
    assert "give a number of jobs" in done.stderr
