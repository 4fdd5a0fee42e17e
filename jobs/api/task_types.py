"""Every task there is, and what it takes."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api import queries
from jobs.api.views import NamesView
from jobs.intake.registry import TaskSpec


class TaskTypeShape(serializers.Serializer[Any]):
    task_type = serializers.CharField()
    priority = serializers.CharField()
    max_retries = serializers.IntegerField(allow_null=True, help_text="null: without end.")
    retry = serializers.JSONField()
    time_limit_seconds = serializers.FloatField(allow_null=True)
    soft_time_limit_seconds = serializers.FloatField(allow_null=True)
    payload_schema = serializers.JSONField()
    example = serializers.JSONField(allow_null=True)
    runbook = serializers.CharField(allow_null=True)
    idempotent = serializers.BooleanField(help_text="Declared: running it twice does no harm.")


class TaskTypeList(NamesView):
    key = "task_type"

    def items(self) -> Sequence[dict[str, Any]]:
        return [describe(spec) for spec in queries.task_types(self.actor)]

    @extend_schema(operation_id="list_task_types", summary="Registered tasks", responses=TaskTypeShape(many=True))
    def get(self, request: Request) -> Response:
        return super().get(request)


def describe(spec: TaskSpec) -> dict[str, Any]:
    policy = spec.options.policy
    return {
        "task_type": spec.name,
        "priority": spec.options.queue,
        "max_retries": spec.max_retries,
        "retry": {"factor": policy.factor, "cap_seconds": policy.cap_seconds, "jitter": policy.jitter.value},
        "time_limit_seconds": spec.time_limit_seconds,
        "soft_time_limit_seconds": spec.soft_time_limit_seconds,
        "payload_schema": spec.schema.json_schema(),
        "example": spec.options.example,
        "runbook": spec.options.runbook or None,
        "idempotent": spec.options.idempotent,
    }
