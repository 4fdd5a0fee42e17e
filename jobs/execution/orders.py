"""What an operator can tell and ask a worker by Celery's remote control, beside or instead of what Celery knows itself."""

from typing import Any

from celery.worker import state as worker_state
from celery.worker.control import control_command, inspect_command

from jobs.execution import pausing


@control_command()  # type: ignore[untyped-decorator]  # Celery's has no types
def tally_quiet(state: Any) -> dict[str, str]:
    """Take nothing new; what runs goes on."""
    pausing.hush(state.consumer)
    return {"ok": "quiet"}


@control_command()  # type: ignore[untyped-decorator]  # Celery's has no types
def tally_wake(state: Any) -> dict[str, str]:
    """Take from the queues again, except those that are paused."""
    pausing.wake(state.consumer)
    return {"ok": "awake"}


@inspect_command(alias="dump_active")  # type: ignore[untyped-decorator]  # Celery's has no types
def active(state: Any, safe: bool = False, **_more: Any) -> list[dict[str, Any]]:
    """List of tasks currently being executed."""
    requests = state.tset(worker_state.active_requests)
    found = (getattr(request, "info_now", request.info)(safe=safe) for request in requests)
    return [info for info in found if info is not None]
