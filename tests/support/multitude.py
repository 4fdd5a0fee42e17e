"""As many jobs as wanted, made by SQL alone in seconds: what lists are measured on."""

import os

from django.db import connection

# Of each hundred jobs 95 succeeded, 3 are dead and 2 are queued; one a second, the newest now.
_SHARES = "CASE WHEN n % 100 < 95 THEN 'succeeded' WHEN n % 100 < 98 THEN 'dead' ELSE 'queued' END"
_TASKS = "CASE WHEN n % 10 < 6 THEN 'send_email' WHEN n % 10 < 9 THEN 'process_data' ELSE 'generate_report' END"
_QUEUES = "CASE WHEN n % 3 = 0 THEN 'high' WHEN n % 3 = 1 THEN 'default' ELSE 'low' END"

_COLUMNS = (
    "id, task, queue, args, payload, options, sensitive, state, attempt, closed, failures, losses, unknowns, max_retries,"
    " created_at, queued_at, published_at, started_at, finished_at, error_type, error, progress_message, source,"
    " submitted_by, idempotency_key, correlation_id, tags, group_id, chord_id, cancel_requested_by, cancel_reason"
)
_VALUES = (
    f"{_TASKS}, {_QUEUES}, '[]', '{{{{}}}}', '{{{{}}}}', false, {_SHARES},"
    " CASE WHEN n % 100 < 98 THEN 1 ELSE 0 END, CASE WHEN n % 100 < 98 THEN 1 ELSE 0 END, 0, 0, 0, 3,"
    " {at}, {at}, {at}, {at}, CASE WHEN n % 100 < 98 THEN {at} END,"
    " CASE WHEN n % 100 BETWEEN 95 AND 97 THEN 'Oops' ELSE '' END, '', '', 'code', '', '', '', '[]', '', '', '', ''"
)
_SQLITE = (
    "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {count})"  # noqa: S608  (made of constants)
    f" INSERT INTO jobs_job ({_COLUMNS}) SELECT {{id}}, {_VALUES} FROM counted"
)
_SQLITE_MS = "(CAST(strftime('%s', 'now') AS INTEGER) - {count} + n) * 1000"
_SQLITE_ID = f"printf('%012x7%03x8%015x', {_SQLITE_MS}, n % 4096, n)"
_SQLITE_AT = "strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ({count} - n) || ' seconds')"
_POSTGRES = f"INSERT INTO jobs_job ({_COLUMNS}) SELECT {{id}}, {_VALUES} FROM generate_series(1, {{count}}) AS n"  # noqa: S608  (made of constants)
_POSTGRES_AT = "now() - ({count} - n) * interval '1 second'"
_POSTGRES_ID = (
    "(lpad(to_hex((extract(epoch FROM now())::bigint - {count} + n) * 1000), 12, '0') || '7'"
    " || lpad(to_hex(n % 4096), 3, '0') || '8' || lpad(to_hex(n), 15, '0'))::uuid"
)


_ATTEMPTS = (
    "INSERT INTO jobs_attempt (job_id, number, outcome, worker, incarnation, pid, beat, started_at, finished_at,"
    " wait_seconds, run_seconds, error_type, error, traceback, causes, log, late_outcome)"
    " SELECT id, 1, CASE WHEN state = 'succeeded' THEN 'succeeded' ELSE 'failed' END, 'worker@box', 'one life', 1, 1,"
    " started_at, finished_at, 0.5, 1.5, error_type, '', '', '[]', '', '' FROM jobs_job WHERE attempt = 1"
)


def make_attempts() -> None:
    """One for every job that was tried."""
    with connection.cursor() as cursor:
        cursor.execute(_ATTEMPTS)
        plain = connection.vendor == "sqlite" or connection.in_atomic_block
        cursor.execute("ANALYZE" if plain else "VACUUM ANALYZE jobs_attempt")


def make_jobs(count: int) -> None:
    is_sqlite = connection.vendor == "sqlite"
    template, job_id, at = (_SQLITE, _SQLITE_ID, _SQLITE_AT) if is_sqlite else (_POSTGRES, _POSTGRES_ID, _POSTGRES_AT)
    parts = {"id": job_id.format(count=count), "at": at.format(count=count), "count": count}
    with connection.cursor() as cursor:
        cursor.execute(template.format(**parts))
        # As autovacuum leaves a table that took days to grow; inside a transaction nobody can vacuum.
        cursor.execute("ANALYZE" if is_sqlite or connection.in_atomic_block else "VACUUM ANALYZE jobs_job")


def settle() -> None:
    """What was written in seconds takes the disk a while: what comes next is not to wait for it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
    os.sync()
