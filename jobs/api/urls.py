"""The paths under /api, each with and without its trailing slash. Apps above add theirs the same way, with `both`."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.urls import URLPattern, path, register_converter

from jobs.api import audit, cancel, queues, schema, submissions, task_types, tasks, workers


class IdConverter:
    """An id; whatever can't be one is no path of ours."""

    regex = r"[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{12}"

    def to_python(self, value: str) -> UUID:
        return UUID(value)

    def to_url(self, value: object) -> str:
        return str(value)


register_converter(IdConverter, "jobid")


def both(route: str, view: Callable[..., Any], *, name: str) -> list[URLPattern]:
    """No redirect: a POST would lose its body. The form without the slash comes last, so that it is what is reversed."""
    return [path(f"{route}/", view, name=name), path(route, view, name=name)]


app_name = "api"
urlpatterns = [
    *both("tasks/submit", submissions.Submit.as_view(), name="submit"),
    *both("tasks/submit/bulk", submissions.SubmitMany.as_view(), name="submit-many"),
    *both("tasks", tasks.TaskList.as_view(), name="tasks"),
    *both("tasks/<jobid:task_id>", tasks.TaskDetail.as_view(), name="task"),
    *both("tasks/<jobid:task_id>/cancel", cancel.Cancel.as_view(), name="cancel"),
    *both("workers/stats", workers.Stats.as_view(), name="stats"),
    *both("workers/health", workers.Health.as_view(), name="health"),
    *both("workers", workers.WorkerList.as_view(), name="workers"),
    *both("queues", queues.QueueList.as_view(), name="queues"),
    *both("queues/<str:name>/pause", queues.Pause.as_view(), name="pause"),
    *both("queues/<str:name>/resume", queues.Resume.as_view(), name="resume"),
    *both("queues/<str:name>/purge", queues.Purge.as_view(), name="purge"),
    *both("task-types", task_types.TaskTypeList.as_view(), name="task-types"),
    *both("audit", audit.ActionList.as_view(), name="audit"),
    *both("schema", schema.Schema.as_view(), name="schema"),
]
