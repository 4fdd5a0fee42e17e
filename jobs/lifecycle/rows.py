"""Writes what a batch changed, in as many statements whatever its size."""

from collections.abc import Iterable, Sequence
from functools import cache

from django.db import connections
from django.db.models import Model

from jobs.models import Attempt, Job

# What recording may change of a job.
JOB_COLUMNS = (
    "state",
    "attempt",
    "closed",
    "failures",
    "losses",
    "unknowns",
    "run_at",
    "started_at",
    "finished_at",
    "result",
    "error_type",
    "error",
    "progress_percent",
    "progress_message",
)
ATTEMPT_COLUMNS = tuple(
    field.name for field in Attempt._meta.concrete_fields if field.name not in {"id", "job", "number"}
)


_ATTEMPT_KEY = ("job_id", "number")


@cache
def _insert_statement() -> str:
    columns = [field.attname for field in Job._meta.concrete_fields]
    return f"INSERT INTO {Job._meta.db_table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"  # noqa: S608  (our own column names)


@cache
def _update_statement() -> str:
    assignments = ", ".join(f"{column} = %s" for column in JOB_COLUMNS)
    return f"UPDATE {Job._meta.db_table} SET {assignments} WHERE id = %s"  # noqa: S608  (our own column names)


@cache
def _upsert_statement() -> str:
    columns = (*_ATTEMPT_KEY, *ATTEMPT_COLUMNS)
    assignments = ", ".join(f"{column} = EXCLUDED.{column}" for column in ATTEMPT_COLUMNS)
    return (
        f"INSERT INTO {Attempt._meta.db_table} ({', '.join(columns)}) "  # noqa: S608  (our own column names)
        f"VALUES ({', '.join(['%s'] * len(columns))}) "
        f"ON CONFLICT ({', '.join(_ATTEMPT_KEY)}) DO UPDATE SET {assignments}"
    )


def insert_jobs(jobs: Sequence[Job], *, using: str, batch_size: int) -> None:
    """SQLite takes few parameters in one statement: Django would send, and compose, 417 for ten thousand jobs."""
    if not connections[using].features.max_query_params:
        Job.objects.using(using).bulk_create(jobs, batch_size=batch_size)
        return
    _write(_insert_statement(), jobs, Job, [field.attname for field in Job._meta.concrete_fields], using=using)
    for job in jobs:
        job._state.adding, job._state.db = False, using  # noqa: SLF001  (what Django notes of a row it has saved)


def write_jobs(jobs: Iterable[Job], *, using: str) -> None:
    _write(_update_statement(), jobs, Job, (*JOB_COLUMNS, "id"), using=using)


def write_attempts(attempts: Iterable[Attempt], *, using: str) -> None:
    """Insert or complete. In order of number, so that a superseded attempt stops running before its successor runs.

    SQLite takes few parameters in one statement, so Django would send many; PostgreSQL is twice as fast with one.
    """
    rows = sorted(attempts, key=lambda attempt: (attempt.job_id, attempt.number))
    if connections[using].features.max_query_params:
        _write(_upsert_statement(), rows, Attempt, (*_ATTEMPT_KEY, *ATTEMPT_COLUMNS), using=using)
        return
    for row in rows:
        row.pk = None
    Attempt.objects.using(using).bulk_create(
        rows, update_conflicts=True, unique_fields=_ATTEMPT_KEY, update_fields=ATTEMPT_COLUMNS
    )


def _write(statement: str, rows: Iterable[Model], model: type[Model], columns: Iterable[str], *, using: str) -> None:
    connection = connections[using]
    by_column = {field.column: field for field in model._meta.concrete_fields}
    fields = [by_column[column] for column in columns]
    parameters = [[field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields] for row in rows]
    if parameters:
        with connection.cursor() as cursor:
            cursor.executemany(statement, parameters)
