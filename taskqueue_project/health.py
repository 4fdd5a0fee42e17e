"""Is this process alive, is the system ready: for load balancers and for `manage.py up`."""

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from jobs.broker import connections as redis_connections


@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """No I/O: the process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Says only ok, or which part is not."""
    parts = {"database": _database_is_ready(), "redis": _redis_is_ready()}
    failing = sorted(name for name, is_ready in parts.items() if not is_ready)
    if failing:
        return JsonResponse({"status": "not ready", "failing": failing}, status=503)
    return JsonResponse({"status": "ok"})


def _database_is_ready() -> bool:
    try:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return False


def _redis_is_ready() -> bool:
    try:
        return bool(redis_connections.hasty().ping())
    except redis_connections.Unavailable:
        return False
