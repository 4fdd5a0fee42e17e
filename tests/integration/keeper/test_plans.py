"""What the leader asks of SQL all the time, beside a crowd of jobs: an index answers, no table is read from end to end."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from jobs.broker import connections as redis_connections
from jobs.broker import journal
from jobs.keeper.loop import Keeper
from tests import factories
from tests.support import multitude

LARGE = ("jobs_job", "jobs_attempt", "dlq_deadletter", "dlq_operationitem")
WHOLE = re.compile(rf"(?:SCAN|Seq Scan on) (?:{'|'.join(LARGE)})\b(?: USING (?:COVERING )?INDEX (\w+))?")


def reads_a_table_whole(step: str) -> bool:
    found = WHOLE.search(step)
    return found is not None and not (found[1] and is_partial(found[1]))


def is_partial(index: str) -> bool:
    """From end to end such an index is only what it is about."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [index])
        return " WHERE " in str(cursor.fetchone()[0])


@contextmanager
def explained(found: list[str]) -> Iterator[None]:
    """The steps of every SELECT, planned with its parameters apart, as it is run; a captured statement has them inside."""
    is_sqlite = connection.vendor == "sqlite"

    def look(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT"):
            raw = context["connection"].connection.cursor()
            asked = f"EXPLAIN QUERY PLAN {sql.replace('%s', '?')}" if is_sqlite else f"EXPLAIN {sql}"
            steps = [str(row[-1]) for row in raw.execute(asked, params or ()).fetchall()]
            found.extend(f"{step}: {sql}" for step in steps if reads_a_table_whole(step))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield


@pytest.fixture
def crowd() -> None:
    multitude.make_jobs(5_000)
    multitude.make_attempts()
    factories.make_letters(3)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SET LOCAL enable_seqscan = off"
            )  # a small table is read whole; where no index serves it still is


@pytest.mark.usefixtures("crowd")
def test_no_duty_of_the_leader_reads_a_table_whole() -> None:
    journal.open_group(redis_connections.patient())
    whole: dict[str, list[str]] = {}
    for duty in Keeper().duties():
        found: list[str] = []
        with explained(found):
            duty.act(timezone.now())
        if found:
            whole[duty.name] = found
    assert whole == {}
