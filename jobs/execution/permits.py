"""From which queues the pool's processes may take messages themselves: those that their worker serves now, or none."""

from typing import Any

from celery.signals import worker_shutting_down
from celery.worker import state as worker_state

from jobs.execution import board, turn

_limits_at_start: dict[str, tuple[Any, Any]] = {}
_is_withdrawn = False


def start(worker: Any) -> None:
    global _is_withdrawn  # noqa: PLW0603  (one worker per process is the point)
    _is_withdrawn = False
    _limits_at_start.clear()
    _limits_at_start.update(_limits(worker.app))
    board.let_take_from(())


def renew(worker: Any) -> None:
    """Called again and again: queues are paused, Flower switches events on, people use Celery's remote control."""
    board.let_take_from(_queues(worker))


@worker_shutting_down.connect
def withdraw(**_kwargs: Any) -> None:
    """Nothing new is begun."""
    global _is_withdrawn  # noqa: PLW0603  (as above)
    _is_withdrawn = True
    board.let_take_from(())


def _queues(worker: Any) -> list[str]:
    needs_the_parent = _is_withdrawn or _tells_of_tasks(worker.consumer) or _keeps_limits(worker) or _revokes()
    return [] if needs_the_parent or turn.databases() is None else list(worker.app.amqp.queues.consume_from)


def _tells_of_tasks(consumer: Any) -> bool:
    """Whether it sends Celery's events of each task, and not only its heartbeat."""
    events = getattr(consumer, "event_dispatcher", None)
    return events is None or (events.enabled and (not events.groups or "task" in events.groups))


def _keeps_limits(worker: Any) -> bool:
    """Of all tasks, of a process' life, or set by remote control; a task's own are known to each process."""
    conf = worker.app.conf
    of_all = (conf.task_time_limit, conf.task_soft_time_limit, worker.max_tasks_per_child, worker.max_memory_per_child)
    prefix = (conf.broker_transport_options or {}).get("global_keyprefix")
    now = _limits(worker.app)  # there may be more tasks than at the start: found when their first message came
    return any((*of_all, prefix)) or any(now.get(name) != limits for name, limits in _limits_at_start.items())


def _limits(app: Any) -> dict[str, tuple[Any, Any]]:
    return {name: (task.time_limit, task.soft_time_limit) for name, task in app.tasks.items()}


def _revokes() -> bool:
    return bool(worker_state.revoked) or bool(worker_state.revoked_stamps)
