"""A connection to PostgreSQL keeps one cursor for what runs once a job, as long as it lives and nobody counts statements."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from jobs.lifecycle import cursors, rows
from jobs.models import Job
from tests import factories

pytestmark = [pytest.mark.postgres_only, pytest.mark.django_db(transaction=True)]


def kept() -> Any:
    with cursors.lasting(connection) as cursor:
        return cursor.cursor


def insert(**columns: Any) -> Job:
    job = factories.build_job(**columns)
    rows.insert_jobs([job], using="default")
    return job


def planned_inserts() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO jobs_job %'")
        return int(cursor.fetchone()[0])


def test_it_is_kept_and_stays_open() -> None:
    first = kept()
    insert()
    assert kept() is first
    assert not first.closed


def test_what_is_inserted_again_and_again_is_planned_once() -> None:
    jobs = [insert(payload={"number": number}, tags=["a", "b"]) for number in range(20)]
    assert planned_inserts() == 1
    assert [Job.objects.get(id=job.id).payload for job in jobs] == [{"number": number} for number in range(20)]


def test_behind_a_pooler_nothing_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.ensure_connection()
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)
    for _ in range(20):
        insert()
    assert (planned_inserts(), Job.objects.count()) == (0, 20)


def test_a_new_connection_has_a_new_one() -> None:
    first = kept()
    connection.close()
    insert()
    assert kept() is not first
    assert Job.objects.count() == 1


def test_who_counts_statements_sees_the_insert() -> None:
    kept()
    with CaptureQueriesContext(connection) as seen:
        insert()
    assert [query["sql"].split("(")[0] for query in seen.captured_queries] == ["INSERT INTO jobs_job "]


def test_who_wraps_statements_sees_the_insert() -> None:
    seen: list[str] = []

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql.split("(", maxsplit=1)[0])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        insert()
    assert seen == ["INSERT INTO jobs_job "]


def test_it_begins_and_leaves_a_transaction_as_any_other() -> None:
    with transaction.atomic():
        job = insert()
        transaction.set_rollback(True)
    assert not Job.objects.filter(id=job.id).exists()


def test_an_error_is_djangos_and_the_next_insert_works() -> None:
    job = insert()
    with pytest.raises(IntegrityError):
        insert(id=job.id)
    insert()
    assert Job.objects.count() == 2


def test_a_lost_connection_is_djangos_error_and_the_next_one_works() -> None:
    kept()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
    other.close()
    with pytest.raises(OperationalError):
        insert()
    connection.close()
    insert()
    assert Job.objects.count() == 1
