"""The cursor that a connection to PostgreSQL keeps for the statements which jobs pass through.

A new cursor costs a sixth of a small INSERT. This one sends values apart from their statement, so that where
`prepare_threshold` is set PostgreSQL plans a statement once and not for every job: another sixth.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper


@contextmanager
def lasting(connection: BaseDatabaseWrapper) -> Iterator[CursorWrapper]:
    """The kept one, or a new one where there is nothing to gain or somebody counts the statements."""
    if connection.vendor == "postgresql" and not connection.queries_logged:
        yield _kept(connection)
        return
    with connection.cursor() as cursor:
        yield cursor


def _kept(connection: BaseDatabaseWrapper) -> CursorWrapper:
    connection.ensure_connection()
    line: Any = connection.connection
    if "tally_cursor" not in vars(line):
        import psycopg

        line.tally_cursor = psycopg.Cursor(line)
    return connection.make_cursor(line.tally_cursor)
