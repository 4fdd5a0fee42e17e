"""What an operator can tell a worker by Celery's remote control, beside what Celery knows itself: be quiet, and wake up."""

from typing import Any

from celery.worker.control import control_command

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
