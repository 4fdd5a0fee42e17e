"""The database: that it answers, has every migration, and that its clock agrees with ours."""

import time
from collections.abc import Iterator
from datetime import datetime

from django.db import Error as DatabaseError
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from jobs.doctor.findings import Finding, examination
from jobs.lifecycle.recording import database

_NAMED = 5


@examination("database", "The database answers.")
def silent_database() -> Iterator[Finding]:
    try:
        with connections[database()].cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        lines = str(error).strip().splitlines()
        yield Finding(
            what=f"The database can't be reached: {lines[0] if lines else type(error).__name__}",
            why="Nothing can be submitted. Workers go on with what is in Redis, and their outcomes wait in the journal.",
            remedy="Start it, or correct DATABASE_URL.",
        )


@examination("migrations", "Every migration is applied.", needs="database")
def unapplied_migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connections[database()])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        names = [f"{migration.app_label}.{migration.name}" for migration, _ in plan[:_NAMED]]
        more = f" and {len(plan) - _NAMED} more" if len(plan) > _NAMED else ""
        yield Finding(
            what=f"{len(plan)} migration(s) are not applied: {', '.join(names)}{more}.",
            why="The code expects columns that are not there: submitting and recording may fail.",
            remedy="Run `manage.py migrate`; see docs/operations.md for the order with running processes.",
        )


def ahead_seconds() -> float | None:
    """How far the database's clock is ahead of ours; None: it has none of its own."""
    connection = connections[database()]
    if connection.vendor != "postgresql":
        return None
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        told: datetime = cursor.fetchone()[0]
    return told.timestamp() - (before + time.time()) / 2
