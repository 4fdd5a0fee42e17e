"""Submits what follows a job: the next step of a chain, links, the body of a chord. Inside the recording transaction,
so that it happens once, with the outcome or not at all.
"""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import uuid5

from celery import current_app
from celery.canvas import maybe_signature
from django.db import IntegrityError, transaction
from django.utils import timezone

from jobs.domain.errors import TallyError
from jobs.domain.journal import Failure
from jobs.domain.states import Burial, Source, State
from jobs.intake import calls, storable
from jobs.lifecycle import moving
from jobs.lifecycle.recording import database
from jobs.models import Chord, Job
from jobs.signals import Buried

logger = logging.getLogger(__name__)


def follow(jobs: Sequence[Job]) -> None:
    for job in jobs:
        follows = job.follows or {}
        if job.state == State.SUCCEEDED:
            for place, signature in enumerate(follows.get("link", ())):
                _submit(job, signature, f"link:{place}", [storable.revive(job.result)])
            if follows.get("chain"):
                *rest, following = follows["chain"]
                _submit(job, following, "chain", [storable.revive(job.result)], chain=rest)
        elif job.state == State.DEAD:
            for place, signature in enumerate(follows.get("link_error", ())):
                _submit(job, signature, f"link_error:{place}:{job.closed}", _errback_arguments(job, signature))
    for group_id in sorted({job.chord_id for job in jobs if job.chord_id and job.state == State.SUCCEEDED}):
        _complete(group_id)


def _complete(group_id: str) -> None:
    """Submit the body once every member has succeeded. The lock makes two keepers count one after the other."""
    chords = Chord.objects.using(database()).select_for_update()
    chord = chords.filter(group_id=group_id, submitted_at__isnull=True).first()
    if chord is None or not chord.size:
        return
    members = Job.objects.using(database()).filter(chord_id=group_id, state=State.SUCCEEDED)
    results = [
        storable.revive(result)
        for _index, result in sorted(members.values_list("group_index", "result"), key=lambda row: row[0] or 0)
    ]
    if len(results) < chord.size:
        return
    chord.submitted_at = timezone.now()
    chord.save(update_fields=["submitted_at"])
    last = members.order_by("-finished_at").first()
    if last is not None:
        _submit(last, chord.body, "chord", [results])


def _submit(job: Job, plain: dict[str, Any], position: str, args: list[Any], **options: Any) -> None:
    """Call the signature with the result. What can't be called becomes a dead job that says why."""
    signature = maybe_signature(plain, app=current_app)
    if signature is None:
        return
    id_ = str(signature.options.get("task_id") or uuid5(job.id, position))
    lineage = {"parent_id": str(job.id), "root_id": str(job.root_id or job.id)}
    trusted = {"trusted": True} if not _is_canvas(signature) else {}
    try:
        with transaction.atomic(using=database()):
            signature.apply_async(args, task_id=id_, **lineage, **trusted, **{k: v for k, v in options.items() if v})
    except (TallyError, IntegrityError, TypeError, ValueError, AttributeError, KeyError) as error:
        logger.warning("What follows job %s could not be submitted: %s", job.id, error)
        is_taken = Job.objects.using(database()).filter(id=calls.job_id_of(id_)).exists()
        _bury(job, signature, str(uuid5(job.id, position)) if is_taken else id_, args, error)


def _is_canvas(signature: Any) -> bool:
    return bool(signature.get("subtask_type")) or "tasks" in signature.kwargs


def _bury(job: Job, signature: Any, id_: str, args: list[Any], error: Exception) -> None:
    now = timezone.now()
    dead = Job(
        id=calls.job_id_of(id_),
        task=str(signature.task)[:255],
        queue=job.queue,
        args=storable.mend(storable.accept(args, what="args", max_bytes=4_194_304, max_depth=200)),
        state=State.DEAD,
        max_retries=0,
        created_at=now,
        finished_at=now,
        error_type=type(error).__name__,
        error=storable.mend_text(str(error))[:1000],
        source=Source.CODE,
        parent_id=job.id,
        root_id=job.root_id or job.id,
    )
    dead.save(using=database(), force_insert=True)
    failure = Failure(dead.error_type, f"It could not be submitted after job {job.id}: {dead.error}")
    moving.bury_at_birth([Buried(dead, Burial.NOT_RETRYABLE, failure, now)], using=database())


def _errback_arguments(job: Job, plain: dict[str, Any]) -> list[Any]:
    """Celery's old style: the id of the task that failed. An errback that takes more gets the error and traceback as text."""
    task = current_app.tasks.get(plain.get("task", ""))
    takes = getattr(getattr(task, "run", None), "__code__", None)
    bound = 1 if task is not None and getattr(task, "__bound__", False) and hasattr(task.run, "__self__") else 0
    if takes is None or takes.co_argcount - bound <= 1 or plain.get("immutable"):
        return [str(job.id)]
    traceback = job.attempts.order_by("-number").values_list("traceback", flat=True).first() or ""
    return [{"id": str(job.id), "task": job.task}, f"{job.error_type}: {job.error}", traceback]
