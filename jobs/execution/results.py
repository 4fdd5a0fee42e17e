"""The result backend: jobs and their groups answer from their rows, everything else from django-celery-results."""

import contextlib
import sys
from typing import Any
from uuid import UUID

from celery import states
from celery.exceptions import ChordError, TaskRevokedError
from django_celery_results.backends.database import DatabaseBackend

from jobs.domain.states import CELERY_STATUS, FINAL, State
from jobs.intake import storable
from jobs.models import Chord, Job


class JobBackend(DatabaseBackend):
    subpolling_interval = 0.1

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        try:
            id_ = UUID(str(task_id))
        except ValueError:
            return dict(super()._get_task_meta_for(task_id))
        job = Job.objects.filter(id=id_).first()
        if job is not None:
            return _meta_of(job)
        return _meta_of_chord(id_) or super()._get_task_meta_for(task_id)

    def store_result(self, task_id: str, result: Any, state: str, *args: Any, **kwargs: Any) -> Any:
        """The journal has told it already; nothing a worker says through Celery may write over a job's row."""
        return result

    def mark_as_done(self, *_args: Any, **_kwargs: Any) -> None: ...

    def mark_as_failure(self, *_args: Any, **_kwargs: Any) -> None: ...

    def mark_as_retry(self, *_args: Any, **_kwargs: Any) -> None: ...

    def mark_as_revoked(self, *_args: Any, **_kwargs: Any) -> None: ...

    def apply_chord(self, header_result_args: Any, body: Any, **_kwargs: Any) -> None:
        """Remember the body; the keeper submits it when every member has succeeded."""
        group_id = header_result_args[0]
        Chord.objects.create(group_id=group_id, size=0, body=_plain(body), body_id=UUID(body.id))

    def set_chord_size(self, group_id: str, chord_size: int) -> None:
        Chord.objects.filter(group_id=group_id).update(size=chord_size)

    def on_chord_part_return(self, *_args: Any, **_kwargs: Any) -> None: ...


def _plain(body: Any) -> Any:
    return storable.accept(dict(body), what="the body of a chord", max_bytes=4_194_304, max_depth=128)


def _meta_of(job: Job) -> dict[str, Any]:
    status = CELERY_STATUS[State(job.state)]
    meta: dict[str, Any] = {
        "task_id": str(job.id),
        "status": status,
        "result": None,
        "traceback": None,
        "children": [],
        "name": job.task,
        "date_done": job.finished_at,
        "parent_id": str(job.parent_id) if job.parent_id else None,
        "group_id": job.group_id or None,
    }
    if job.state == State.SUCCEEDED:
        meta["result"] = storable.revive(job.result)
    elif status in (states.FAILURE, states.RETRY):
        meta["result"] = _exception(job.error_type, job.error)
        meta["traceback"] = _last_traceback(job)
    elif status == states.REVOKED:
        meta["result"] = TaskRevokedError(job.state)
    return meta


def _meta_of_chord(body_id: UUID) -> dict[str, Any] | None:
    """A body that has no job yet waits, or can't come because a member is finished without success."""
    chord = Chord.objects.filter(body_id=body_id).first()
    if chord is None:
        return None
    meta: dict[str, Any] = {
        "task_id": str(body_id),
        "status": states.PENDING,
        "result": None,
        "traceback": None,
        "children": [],
    }
    failed = Job.objects.filter(chord_id=chord.group_id, state__in=FINAL - {State.SUCCEEDED}).first()
    if failed is not None:
        meta["status"] = states.FAILURE
        meta["result"] = ChordError(
            f"Dependency {failed.id} raised {failed.error_type}: {failed.error or failed.state}"
        )
    return meta


def _last_traceback(job: Job) -> str | None:
    return job.attempts.order_by("-number").values_list("traceback", flat=True).first()


def _exception(error_type: str, message: str) -> Exception:
    """An exception of the class that was raised, where it can be had; else one that is called the same."""
    module_name, _, name = error_type.rpartition(".")
    kind = getattr(sys.modules.get(module_name or "builtins"), name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        with contextlib.suppress(TypeError, ValueError):
            made: Exception = kind(message)
            return made
    namesake: type[Exception] = type(name or "Exception", (Exception,), {"__module__": module_name or "celery"})
    return namesake(message)
