"""Submitting: one task, many, and the short form."""

from typing import Any, ClassVar

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import conf
from jobs.api import submission_bodies as bodies
from jobs.api.views import ApiView
from jobs.domain.states import CELERY_STATUS, Source, State
from jobs.intake import submission
from jobs.intake.schema import PayloadInvalid
from jobs.models import Job

KEY_HEADER = OpenApiParameter(
    name="Idempotency-Key",
    location="header",
    required=False,
    type={"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[\\x21-\\x7e]+$"},
    description="A repetition under the same key answers with the first task. Per user, for 24 hours.",
)


class SubmittedShape(serializers.Serializer[Any]):
    task_id = serializers.UUIDField()
    status = serializers.CharField()
    priority = serializers.CharField()
    message = serializers.CharField()


class BulkSubmittedShape(serializers.Serializer[Any]):
    accepted = serializers.IntegerField()
    task_ids = serializers.ListField(child=serializers.UUIDField())


class ShortSubmittedShape(serializers.Serializer[Any]):
    task_id = serializers.UUIDField()
    status = serializers.CharField()


class Submit(ApiView):
    needs = "jobs.submit_job"

    @extend_schema(
        operation_id="submit_task",
        summary="Submit a task",
        parameters=[KEY_HEADER],
        request=bodies.Submission,
        responses={202: SubmittedShape},
    )
    def post(self, request: Request) -> Response:
        draft = bodies.read_one(request.data, key=_key(request))
        job = submission.submit(draft, actor=self.actor, source=Source.API)
        message = f"Task '{job.task}' queued on '{job.queue}' queue."
        status = CELERY_STATUS[State.QUEUED]
        answer = {"task_id": str(job.id), "status": status, "priority": job.queue, "message": message}
        return Response(answer, status=202, headers=_headers(job))


class SubmitMany(ApiView):
    needs = "jobs.submit_job"
    is_bulk: ClassVar[bool] = True
    """Errors name the index of the task that they are about."""

    @property
    def body_max_bytes(self) -> int:  # type: ignore[override]
        return conf.current().BULK_BODY_MAX_BYTES

    @extend_schema(
        operation_id="submit_tasks",
        summary="Submit many tasks, all or none",
        parameters=[KEY_HEADER],
        request=bodies.BulkSubmission,
        responses={202: BulkSubmittedShape},
    )
    def post(self, request: Request) -> Response:
        drafts = bodies.read_many(request.data, key=_key(request))
        jobs = submission.submit_many(drafts, actor=self.actor, source=Source.API)
        answer = {"accepted": len(jobs), "task_ids": [str(job.id) for job in jobs]}
        return Response(answer, status=202, headers=_replayed(jobs[0]))


class SubmitShort(ApiView):
    """The third seed's form."""

    needs = "jobs.submit_job"

    @extend_schema(
        operation_id="submit_short",
        summary="Submit a heavy_task by its data alone",
        parameters=[KEY_HEADER],
        request=bodies.ShortSubmission,
        responses={202: ShortSubmittedShape},
    )
    def post(self, request: Request) -> Response:
        draft = bodies.read_short(request.data, key=_key(request))
        try:
            job = submission.submit(draft, actor=self.actor, source=Source.API)
        except PayloadInvalid as error:
            raise ValidationError(error.fields) from None
        return Response({"task_id": str(job.id), "status": "submitted"}, status=202, headers=_headers(job))


def _key(request: Request) -> str | None:
    return request.headers.get("Idempotency-Key")


def _headers(job: Job) -> dict[str, str]:
    return {"Location": reverse("api:task", args=[job.id]), **_replayed(job)}


def _replayed(job: Job) -> dict[str, str]:
    return {"Idempotent-Replayed": "true"} if job.replayed else {}
