"""Keeps the audit trail append-only in the database itself: triggers refuse UPDATE, DELETE, REPLACE and TRUNCATE.

Made after every `migrate`, not by a migration: on SQLite a later change of the table makes it anew, without triggers.
"""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from jobs.models.action import Action

_REFUSAL = "The audit trail is append-only: rows of jobs_action are never changed or deleted."
_NAMES = ("jobs_action_no_update", "jobs_action_no_delete", "jobs_action_no_replace", "jobs_action_no_truncate")

_SQLITE = (
    f"CREATE TRIGGER jobs_action_no_update BEFORE UPDATE ON jobs_action BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    f"CREATE TRIGGER jobs_action_no_delete BEFORE DELETE ON jobs_action BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    # REPLACE deletes without asking the trigger above: it names the id, or the rowid, of a row that is there.
    "CREATE TRIGGER jobs_action_no_replace BEFORE INSERT ON jobs_action"  # noqa: S608  (made of constants)
    " WHEN NEW.id IN (SELECT id FROM jobs_action) OR NEW.rowid IN (SELECT rowid FROM jobs_action)"
    f" BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
)
_POSTGRES = (
    "CREATE OR REPLACE FUNCTION jobs_action_refuse() RETURNS trigger LANGUAGE plpgsql AS"
    f" $$ BEGIN RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$",
    "CREATE TRIGGER jobs_action_no_update BEFORE UPDATE ON jobs_action EXECUTE FUNCTION jobs_action_refuse()",
    "CREATE TRIGGER jobs_action_no_delete BEFORE DELETE ON jobs_action EXECUTE FUNCTION jobs_action_refuse()",
    "CREATE TRIGGER jobs_action_no_truncate BEFORE TRUNCATE ON jobs_action EXECUTE FUNCTION jobs_action_refuse()",
)


def enforce(connection: BaseDatabaseWrapper) -> None:
    """Make the triggers, when one of them is missing."""
    if not _has_table(connection) or _is_enforced(connection):
        return
    lift(connection)
    with connection.cursor() as cursor:
        for statement in _SQLITE if connection.vendor == "sqlite" else _POSTGRES:
            cursor.execute(statement)


def lift(connection: BaseDatabaseWrapper) -> None:
    """Let rows be deleted: what empties a test database needs it. Nothing else has a reason to call this."""
    if not _has_table(connection):
        return
    on_table = " ON jobs_action" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for name in _NAMES:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")


def _has_table(connection: BaseDatabaseWrapper) -> bool:
    return Action._meta.db_table in connection.introspection.table_names()


def _is_enforced(connection: BaseDatabaseWrapper) -> bool:
    if connection.vendor == "sqlite":
        question = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'jobs_action'"
    else:
        question = (
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'jobs_action'::regclass"
            " AND NOT tgisinternal AND tgenabled <> 'D'"
        )
    with connection.cursor() as cursor:
        cursor.execute(question)
        row: Any = cursor.fetchone()
    return bool(row[0] == 3)
