"""Tasks as the API shows them, one by one and in lists."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api import queries
from jobs.api.filters import JobFilter
from jobs.api.shown import HidingSerializer, Redacted, TextOrNull
from jobs.api.views import ApiView, ListView
from jobs.domain.states import CELERY_STATUS, State
from jobs.models import Job

STATES = [(state.value, state.value) for state in State]
STATUSES = [(status, status) for status in sorted(set(CELERY_STATUS.values()))]


class ProgressShape(serializers.Serializer[Any]):
    percent = serializers.FloatField(allow_null=True)
    message = serializers.CharField()


class DeadLetterShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    reason = serializers.CharField()
    resolution = serializers.CharField()
    fingerprint = serializers.CharField()
    created_at = serializers.DateTimeField()


class AttemptShape(HidingSerializer):
    hidden: ClassVar[tuple[str, ...]] = ("error", "traceback")

    number = serializers.IntegerField()
    outcome = TextOrNull()
    worker = TextOrNull()
    pid = serializers.IntegerField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    wait_seconds = serializers.FloatField(allow_null=True)
    run_seconds = serializers.FloatField(allow_null=True)
    error = TextOrNull()
    error_type = TextOrNull()
    traceback = TextOrNull()
    retry_at = serializers.DateTimeField(allow_null=True)
    late_outcome = TextOrNull()


class TaskSummary(HidingSerializer):
    hidden: ClassVar[tuple[str, ...]] = ("error",)

    task_id = serializers.UUIDField(source="id")
    status = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=STATES)
    task_type = serializers.CharField(source="task")
    priority = serializers.CharField(source="queue")
    attempt = serializers.IntegerField()
    max_attempts = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    tags = serializers.ListField(child=serializers.CharField())
    correlation_id = TextOrNull()
    created_at = serializers.DateTimeField()
    run_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    cancel_requested_at = serializers.DateTimeField(allow_null=True)
    error = serializers.SerializerMethodField()
    error_type = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(choices=STATUSES))
    def get_status(self, job: Job) -> str:
        return CELERY_STATUS[State(job.state)]

    def get_max_attempts(self, job: Job) -> int | None:
        return queries.max_attempts(job)

    @extend_schema_field(ProgressShape(allow_null=True))
    def get_progress(self, job: Job) -> dict[str, Any] | None:
        if job.progress_percent is None and not job.progress_message:
            return None
        return {"percent": job.progress_percent, "message": job.progress_message}

    def get_error(self, job: Job) -> str | None:
        """Of the last attempt that failed; nothing of it is left once the job has succeeded."""
        return None if job.state == State.SUCCEEDED else job.error or None

    def get_error_type(self, job: Job) -> str | None:
        return None if job.state == State.SUCCEEDED else job.error_type or None


class TaskShape(TaskSummary):
    hidden: ClassVar[tuple[str, ...]] = ("payload", "args", "result", "error", "traceback")

    payload = Redacted()
    args = Redacted(help_text="Arguments without a name.")
    result = Redacted()
    bodies_dropped_at = serializers.DateTimeField(
        source="stripped_at", allow_null=True, help_text="When retention let the payload and the result go."
    )
    traceback = serializers.SerializerMethodField()
    attempts = AttemptShape(many=True)
    source = serializers.CharField()  # type: ignore[assignment]  # a field of that name
    submitted_by = TextOrNull()
    dead_letter = serializers.SerializerMethodField()

    def get_traceback(self, job: Job) -> str | None:
        if job.state == State.SUCCEEDED:
            return None
        return next((a.traceback for a in reversed(list(job.attempts.all())) if a.traceback), None)

    @extend_schema_field(DeadLetterShape(allow_null=True))
    def get_dead_letter(self, job: Job) -> dict[str, Any] | None:
        letter = queries.latest_letter(job)
        return DeadLetterShape(letter).data if letter is not None else None


class TaskList(ListView):
    filterset_class = JobFilter
    serializer_class = TaskSummary

    def rows(self) -> QuerySet[Job]:
        return queries.jobs(self.actor)

    @extend_schema(operation_id="list_tasks", summary="Tasks, newest first", responses=TaskSummary(many=True))
    def get(self, request: Request) -> Response:
        return super().get(request)


class TaskDetail(ApiView):
    @extend_schema(operation_id="get_task", summary="One task with its attempts", responses=TaskShape)
    def get(self, request: Request, task_id: UUID) -> Response:
        job = queries.job(task_id, actor=self.actor)
        return Response(TaskShape(job, context={"actor": self.actor}).data)
