"""A task that only a newer worker knows (`TALLY_TEST_IMPORTS`)."""

from jobs.shortcuts import task
from tests.support.sample_tasks import leave_mark


@task(name="newer", queue="default", max_retries=0)
def newer(marks: str) -> str:
    leave_mark(marks, "newer")
    return "from a newer worker"
