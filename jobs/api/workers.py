"""Workers: who lives and what each runs, the statistics, and whether all is well."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api import health, statistics
from jobs.api.errors import PartAway
from jobs.api.queries import moment
from jobs.api.views import ApiView, NamesView
from jobs.broker.heartbeats import Beat


class RunningShape(serializers.Serializer[Any]):
    task_id = serializers.CharField()
    attempt = serializers.IntegerField()
    task_type = serializers.CharField()


class WorkerShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    host = serializers.CharField()
    pid = serializers.IntegerField()
    queues = serializers.ListField(child=serializers.CharField())
    concurrency = serializers.IntegerField()
    busy = serializers.IntegerField()
    running = RunningShape(many=True)
    started_at = serializers.DateTimeField()
    last_beat_at = serializers.DateTimeField()
    version = serializers.CharField()


class StatsShape(serializers.Serializer[Any]):
    queued_high = serializers.IntegerField(required=False)
    queued_default = serializers.IntegerField(required=False)
    queued_low = serializers.IntegerField(required=False)
    active_tasks = serializers.IntegerField()
    failed_tasks = serializers.IntegerField(help_text="Dead ones, of all time.")
    success_tasks = serializers.IntegerField(help_text="Of all time.")
    workers_online = serializers.IntegerField(allow_null=True, help_text="null: Redis can't be asked now.")


class HealthShape(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=[(s, s) for s in ("ok", "degraded", "down")])
    workers = WorkerShape(many=True)
    keeper = serializers.JSONField()
    broker = serializers.JSONField()
    database = serializers.JSONField()


class WorkerList(NamesView):
    def items(self) -> Sequence[dict[str, Any]]:
        self.actor.require("jobs.view_job")
        beats = statistics.live_workers()
        if beats is None:
            raise PartAway("Redis can't be reached now, and only Redis knows which workers live: try again.")
        return [describe(beat) for beat in beats]

    @extend_schema(operation_id="list_workers", summary="Live workers", responses=WorkerShape(many=True))
    def get(self, request: Request) -> Response:
        return super().get(request)

    def _key_of(self, item: dict[str, Any]) -> str:
        return f"{item['name']} {item['incarnation']}"


class Stats(ApiView):
    @extend_schema(operation_id="get_stats", summary="Live counts", responses=StatsShape)
    def get(self, request: Request) -> Response:
        return Response(statistics.stats(self.actor))


class Health(ApiView):
    @extend_schema(operation_id="get_health", summary="Is all well?", responses={200: HealthShape, 503: HealthShape})
    def get(self, request: Request) -> Response:
        found = health.look(self.actor)
        workers = [describe(beat) for beat in found.workers]
        body = {
            "status": found.status,
            "workers": workers,
            "keeper": found.keeper,
            "broker": found.broker,
            "database": found.database,
        }
        return Response(body, status=503 if found.status is health.Status.DOWN else 200)


def describe(beat: Beat) -> dict[str, Any]:
    return {
        "name": beat.name,
        "host": beat.host,
        "pid": beat.pid,
        "queues": list(beat.queues),
        "concurrency": beat.concurrency,
        "busy": len(beat.running),
        "running": [
            {"task_id": job_id, "attempt": attempt, "task_type": task} for job_id, attempt, task in beat.running
        ],
        "started_at": moment(beat.started_ms).isoformat(),
        "last_beat_at": moment(beat.at_ms).isoformat(),
        "version": beat.version,
        "incarnation": beat.incarnation,
    }
