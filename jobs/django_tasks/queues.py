"""Which of our queues carries a task: its `queue_name` decides, and for the framework's default queue its priority."""

from collections.abc import Mapping

from jobs import conf
from jobs.django_tasks.framework import DEFAULT_TASK_QUEUE_NAME, AnyTask


def queue_of(task: AnyTask, carriers: Mapping[str, str]) -> str | None:
    """`carriers` is OPTIONS["queues"]. None when nothing says which of our queues is meant."""
    known = conf.current().QUEUES
    if task.queue_name in carriers:
        carrier = carriers[task.queue_name]
        return carrier if carrier in known else None
    if task.queue_name == DEFAULT_TASK_QUEUE_NAME:
        return queue_of_priority(task.priority)
    return task.queue_name if task.queue_name in known else None


def queue_of_priority(priority: int) -> str:
    """Above 0 the first of TASKQUEUE["QUEUES"], below 0 the last, at 0 the one called default."""
    known = conf.current().QUEUES
    if priority > 0:
        return known[0]
    if priority < 0:
        return known[-1]
    return DEFAULT_TASK_QUEUE_NAME if DEFAULT_TASK_QUEUE_NAME in known else known[0]
