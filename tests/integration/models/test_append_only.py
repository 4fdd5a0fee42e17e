"""Nobody changes what was done: not through the ORM, not by raw SQL; and the triggers come back by themselves."""

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from jobs.models import Action, append_only
from jobs.models.action import AppendOnly


@pytest.fixture
def action() -> Action:
    return Action.objects.create(actor="olga", verb="cancel", object="job:1", reason="wrong address")


BY_ORM: dict[str, Callable[[Action], object]] = {
    "save": lambda action: action.save(),
    "save fields": lambda action: action.save(update_fields=["reason"]),
    "delete": lambda action: action.delete(),
    "update": lambda action: Action.objects.filter(pk=action.pk).update(reason="x"),
    "delete many": lambda _action: Action.objects.all().delete(),
    "bulk update": lambda action: Action.objects.bulk_update([action], ["reason"]),
    "update or create": lambda action: Action.objects.update_or_create(pk=action.pk, reason="x"),
    "upsert": lambda action: Action.objects.bulk_create(
        [action], update_conflicts=True, update_fields=["reason"], unique_fields=["id"]
    ),
}
BY_SQL = {
    "update": "UPDATE jobs_action SET reason = 'x'",
    "delete": "DELETE FROM jobs_action",
}
REPLACE = "SELECT id, at, 'mallory', verb, object, reason, before, after, request_id, source_address FROM jobs_action"


@pytest.mark.parametrize("change", BY_ORM.values(), ids=BY_ORM)
def test_the_orm_refuses_every_way_to_change_an_action(change: Callable[[Action], object], action: Action) -> None:
    with pytest.raises(AppendOnly, match="append-only"):
        change(action)
    assert Action.objects.get().reason == "wrong address"


@pytest.mark.parametrize("statement", BY_SQL.values(), ids=BY_SQL)
def test_the_database_refuses_to_change_an_action(statement: str, action: Action) -> None:
    _assert_refused(statement)


def test_an_object_that_was_loaded_in_part_is_refused_too(action: Action) -> None:
    """It writes below the ORM's refusals: by the base manager, as Django does when it cascades."""
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Action._base_manager.filter(pk=action.pk)._raw_delete("default")
    assert Action.objects.count() == 1


@pytest.mark.postgres_only
def test_postgres_refuses_to_truncate_the_audit(action: Action) -> None:
    _assert_refused("TRUNCATE jobs_action")
    _assert_refused("TRUNCATE jobs_action CASCADE")


@pytest.mark.sqlite_only
@pytest.mark.parametrize("columns", ["", "rowid, "], ids=["by id", "by rowid"])
def test_sqlite_refuses_to_replace_an_action(columns: str, action: Action) -> None:
    names = "id, at, actor, verb, object, reason, before, after, request_id, source_address"
    chosen = REPLACE if not columns else REPLACE.replace("id,", "rowid, lower(hex(randomblob(16))),", 1)
    _assert_refused(f"INSERT OR REPLACE INTO jobs_action ({columns}{names}) {chosen}")


def test_new_rows_are_still_added(action: Action) -> None:
    Action.objects.bulk_create([Action(actor="keeper", verb="rescue", object="job:2") for _ in range(3)])
    assert Action.objects.count() == 4


@pytest.mark.sqlite_only
@pytest.mark.django_db(transaction=True)
def test_triggers_that_a_change_of_the_table_dropped_are_made_again(action: Action) -> None:
    with connection.schema_editor() as editor:
        editor._remake_table(Action)  # type: ignore[attr-defined]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs_action WHERE 1 = 0")  # nothing refuses it now
        cursor.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'jobs_action'")
        assert cursor.fetchone() == (0,)
    call_command("migrate", verbosity=0)
    _assert_refused("DELETE FROM jobs_action")


@pytest.mark.django_db(transaction=True)
def test_migrate_makes_a_missing_trigger_again_and_leaves_the_others(action: Action) -> None:
    append_only.lift(connection)
    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=0)
    _assert_refused("UPDATE jobs_action SET reason = 'x'")


@pytest.mark.django_db(transaction=True)
def test_a_run_that_says_so_leaves_the_triggers_out(action: Action, settings: object) -> None:
    settings.TASKQUEUE = {**settings.TASKQUEUE, "AUDIT_APPEND_ONLY": False}  # type: ignore[attr-defined]
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs_action")
    assert Action.objects.count() == 0


def _assert_refused(statement: str) -> None:
    before = list(Action.objects.values())
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert list(Action.objects.values()) == before
