"""Reads the jobs of a batch and writes what it changed, in as many statements whatever its size.

Django's own bulk writes compose a statement per few rows on SQLite and adapt each value through six calls, and each row that
it reads asks every field: this moves the same values in half the time.
"""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache, lru_cache, partial
from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Model

from jobs.lifecycle import cursors
from jobs.models import Attempt, Job, Rollup, making

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
# What it reads of one: not what a caller gave, which may be large.
_READ = (
    *("id", "task", "queue", "options", "follows", "group_id", "chord_id", "root_id", "correlation_id"),
    *JOB_COLUMNS,
)
ATTEMPT_COLUMNS = tuple(
    field.attname for field in Attempt._meta.concrete_fields if field.attname not in {"id", "job_id", "number"}
)
ROLLUP_COLUMNS = ("counts", "waits", "runs")
_ATTEMPT_KEY = ("job_id", "number")
_SAME_AGAIN = 4  # jobs that come together share their times
# Their Python values are what the drivers take.
_PLAIN = (models.CharField, models.TextField, models.IntegerField, models.FloatField, models.BooleanField)


def insert_jobs(jobs: Sequence[Job], *, using: str) -> None:
    if not jobs:
        return
    if len(jobs) > 1 and connections[using].vendor == "postgresql":
        _copy(jobs, _job_columns(), using=using)
    else:
        columns = _told(jobs)
        _write(_insert_statement(columns, using), jobs, Job, columns, using=using)
    for job in jobs:
        job._state.adding, job._state.db = False, using  # noqa: SLF001  (what Django notes of a row it has saved)


def lock_jobs(ids: Collection[str], *, using: str) -> list[Job]:
    """Those of them that there are, in order of id, with the columns that recording asks for."""
    found = Job.objects.using(using).select_for_update().filter(id__in=ids).order_by("id").values_list(*_READ)
    return [making.stored(Job, zip(_READ, values, strict=True), using=using) for values in found]


def complete_jobs(jobs: Sequence[Job], *, using: str) -> None:
    """Read the other columns of these at once, where each job would read them for itself."""
    rest, by_id = tuple(column for column in _job_columns() if column not in _READ), {job.id: job for job in jobs}
    for id_, *values in Job.objects.using(using).filter(id__in=by_id).values_list("id", *rest):
        vars(by_id[id_]).update(zip(rest, values, strict=True))


def write_jobs(jobs: Iterable[Job], *, using: str) -> None:
    _update(jobs, Job, JOB_COLUMNS, using=using)


def write_rollups(rollups: Iterable[Rollup], *, using: str) -> None:
    _update(rollups, Rollup, ROLLUP_COLUMNS, using=using)


def write_attempts(attempts: Iterable[Attempt], *, using: str) -> None:
    """Insert or complete. In order of number, so that a superseded attempt stops running before its successor runs."""
    rows = sorted(attempts, key=lambda attempt: (attempt.job_id, attempt.number))
    as_arrays = _takes_arrays(using)
    statement = _upsert_from_arrays() if as_arrays else _upsert_statement()
    _write(statement, rows, Attempt, (*_ATTEMPT_KEY, *ATTEMPT_COLUMNS), using=using, as_arrays=as_arrays)


def _update(rows: Iterable[Model], model: type[Model], columns: tuple[str, ...], *, using: str) -> None:
    as_arrays = _takes_arrays(using)
    statement = _update_from_arrays(model, columns) if as_arrays else _update_statement(model, columns)
    _write(statement, rows, model, (*columns, "id"), using=using, as_arrays=as_arrays)


def _takes_arrays(using: str) -> bool:
    """PostgreSQL: one statement with an array for each column, parsed and planned once."""
    return connections[using].vendor == "postgresql"


def _told(jobs: Sequence[Job]) -> tuple[str, ...]:
    """The columns in which one of these jobs is not blank. The others are words of the statement."""
    told: tuple[str, ...] = ()
    for job in jobs:
        values = vars(job)
        told += tuple(
            [column for column, usual in making.blank(Job).items() if column not in told and values[column] != usual]
        )
    return told


def _copy(jobs: Sequence[Job], columns: tuple[str, ...], *, using: str) -> None:
    """PostgreSQL's own way of taking many rows: half of what an INSERT costs on either side."""
    steps, connection = _adapters(Job, columns, using), connections[using]
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(_copy_statement()) as copy:
        for job in jobs:
            copy.write_row([adapt(getattr(job, column)) for column, adapt in steps])


def _write(
    statement: str,
    rows: Iterable[Model],
    model: type[Model],
    columns: tuple[str, ...],
    *,
    using: str,
    as_arrays: bool = False,
) -> None:
    steps = _adapters(model, columns, using)
    values = [[adapt(getattr(row, column)) for column, adapt in steps] for row in rows]
    if not values:
        return
    with cursors.lasting(connections[using]) as cursor:
        if as_arrays:
            cursor.execute(statement, [_array(column) for column in zip(*values, strict=True)])
        elif len(values) == 1:
            cursor.execute(statement, values[0])
        else:
            cursor.executemany(statement, values)


@cache
def _adapters(model: type[Model], columns: tuple[str, ...], using: str) -> list[tuple[str, Callable[[Any], Any]]]:
    connection = connections[using]
    return [(field.attname, _adapter(field, connection)) for field in _fields(model, columns)]


def _fields(model: type[Model], columns: tuple[str, ...]) -> "list[Field[Any, Any]]":
    by_column = {field.attname: field for field in model._meta.concrete_fields}
    return [by_column[column] for column in columns]


def _adapter(field: "Field[Any, Any]", connection: BaseDatabaseWrapper) -> Callable[[Any], Any]:
    if isinstance(field, models.ForeignKey):
        field = field.target_field
    if isinstance(field, _PLAIN):
        return _as_it_is
    if connection.vendor == "postgresql" and isinstance(field, models.DateTimeField | models.UUIDField):
        return _as_text  # psycopg asks twice as much for what it has to find a way to write
    if isinstance(field, models.JSONField):
        return partial(_as_json, (getattr(field, "encoder", None) or json.JSONEncoder)().encode)
    adapt = lru_cache(maxsize=_SAME_AGAIN)(lambda value: field.get_db_prep_value(value, connection, prepared=True))
    return lambda value: None if value is None else adapt(value)


def _as_it_is(value: Any) -> Any:
    return value


def _as_text(value: Any) -> str | None:
    return None if value is None else str(value)


def _as_json(encode: Callable[[Any], str], value: Any) -> str | None:
    """Most lists and objects are empty, and the encoder takes as long to start as to write a small one."""
    if value is None:
        return None
    return "[]" if value == [] else "{}" if value == {} else encode(value)


def _array(values: Iterable[Any]) -> str:
    """As PostgreSQL reads one; psycopg would look for a way to write each element."""
    return "{" + ",".join(["NULL" if value is None else _element(value) for value in values]) + "}"


def _element(value: Any) -> str:
    if not isinstance(value, str):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# Statements, of our own column names alone.


@cache
def _job_columns() -> tuple[str, ...]:
    return tuple(field.attname for field in Job._meta.concrete_fields)


@cache
def _copy_statement() -> str:
    return f"COPY {Job._meta.db_table} ({', '.join(_job_columns())}) FROM STDIN"


@lru_cache(maxsize=256)
def _insert_statement(columns: tuple[str, ...], using: str) -> str:
    """These columns are bound, in this order; the others are said in the statement, or are NULL and need not be."""
    editor: Any = connections[using].SchemaEditorClass(connections[using])  # Django's way of writing a value into SQL
    values = dict.fromkeys(columns, "%s")
    for column, adapt in _adapters(Job, _job_columns(), using):
        usual = adapt(making.blank(Job)[column])
        if column not in values and usual is not None:
            values[column] = editor.quote_value(usual)
    return f"INSERT INTO {Job._meta.db_table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"  # noqa: S608  (our own column names)


@cache
def _update_statement(model: type[Model], columns: tuple[str, ...]) -> str:
    assignments = ", ".join(f"{column} = %s" for column in columns)
    return f"UPDATE {model._meta.db_table} SET {assignments} WHERE id = %s"  # noqa: S608  (as above)


@cache
def _update_from_arrays(model: type[Model], columns: tuple[str, ...]) -> str:
    assignments = ", ".join(f"{column} = {_read(model, column)}" for column in columns)
    arrays = _arrays(model, (*columns, "id"))
    return f"UPDATE {model._meta.db_table} AS written SET {assignments} FROM {arrays} WHERE written.id = given.id"  # noqa: S608  (as above)


@cache
def _upsert_statement() -> str:
    columns = (*_ATTEMPT_KEY, *ATTEMPT_COLUMNS)
    places = f"VALUES ({', '.join(['%s'] * len(columns))})"
    return f"INSERT INTO {Attempt._meta.db_table} ({', '.join(columns)}) {places} {_on_conflict()}"


@cache
def _upsert_from_arrays() -> str:
    columns = (*_ATTEMPT_KEY, *ATTEMPT_COLUMNS)
    chosen = ", ".join(_read(Attempt, column) for column in columns)
    source = f"SELECT {chosen} FROM {_arrays(Attempt, columns)}"  # noqa: S608  (as above)
    return f"INSERT INTO {Attempt._meta.db_table} ({', '.join(columns)}) {source} {_on_conflict()}"


def _on_conflict() -> str:
    assignments = ", ".join(f"{column} = EXCLUDED.{column}" for column in ATTEMPT_COLUMNS)
    return f"ON CONFLICT ({', '.join(_ATTEMPT_KEY)}) DO UPDATE SET {assignments}"


def _arrays(model: type[Model], columns: tuple[str, ...]) -> str:
    """The rows as one array for each column. JSON goes as text: an array of it would be adapted value by value."""
    types = ", ".join(f"%s::{_array_type(field)}[]" for field in _fields(model, columns))
    return f"UNNEST({types}) AS given ({', '.join(columns)})"


def _array_type(field: "Field[Any, Any]") -> str:
    if isinstance(field, models.JSONField | models.CharField):
        return "text"
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    return str(target.rel_db_type(connections[Job.objects.db]))


def _read(model: type[Model], column: str) -> str:
    [field] = _fields(model, (column,))
    return f"given.{column}::jsonb" if isinstance(field, models.JSONField) else f"given.{column}"
