"""A list may read only so long: what takes longer is stopped in the database, and the caller asked to narrow it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connections, transaction
from rest_framework import status
from rest_framework.exceptions import APIException

from jobs import conf
from jobs.lifecycle.recording import database

_INSTRUCTIONS_BETWEEN_LOOKS = 20_000  # of SQLite's virtual machine: well under a millisecond


class TooSlow(APIException):
    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "too_slow"


@contextmanager
def list_deadline(*, seconds: float | None = None) -> Iterator[None]:
    """Around the queries of one list."""
    seconds = conf.current().LIST_TIMEOUT_SECONDS if seconds is None else seconds
    guard = _in_sqlite if connections[database()].vendor == "sqlite" else _in_postgres
    try:
        with guard(seconds):
            yield
    except OperationalError as error:
        if not any(word in str(error) for word in ("interrupted", "statement timeout")):
            raise
        message = f"That takes longer than {seconds:g} s: narrow the filter, for example by created_after."
        raise TooSlow(message) from None


@contextmanager
def _in_postgres(seconds: float) -> Iterator[None]:
    with transaction.atomic(using=database()):
        with connections[database()].cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(1, int(seconds * 1000)))])
        yield


@contextmanager
def _in_sqlite(seconds: float) -> Iterator[None]:
    connection = connections[database()]
    connection.ensure_connection()
    stop_at = time.monotonic() + seconds
    connection.connection.set_progress_handler(lambda: time.monotonic() > stop_at, _INSTRUCTIONS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        connection.connection.set_progress_handler(None, 0)
