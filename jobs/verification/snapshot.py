"""Several statements that see one moment of the database, without keeping any writer waiting."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from jobs.lifecycle.recording import database

_BEGIN = {
    "sqlite": "BEGIN DEFERRED",  # Django's own transactions are immediate: they would take the writers' lock
    "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
}


@contextmanager
def snapshot() -> Iterator[None]:
    """Inside somebody's transaction (a test) the moment is that transaction's."""
    connection = connections[database()]
    begin = _BEGIN.get(connection.vendor)
    if connection.in_atomic_block or begin is None:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(begin)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
