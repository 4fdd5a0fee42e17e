"""Queues: how deep they are, and the verbs that pause, resume and purge them."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api import statistics
from jobs.api.reasons import RequiredReason, read_reason
from jobs.api.views import ApiView, NamesView
from jobs.control import queues
from jobs.intake.registry import UnknownQueue


class QueueShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    waiting = serializers.IntegerField()
    oldest_seconds = serializers.FloatField()
    running = serializers.IntegerField()
    paused = serializers.BooleanField()
    paused_by = serializers.CharField(allow_null=True)
    paused_reason = serializers.CharField(allow_null=True)
    workers = serializers.IntegerField(allow_null=True, help_text="null: Redis can't be asked now.")


class PurgedShape(QueueShape):
    purged = serializers.IntegerField()


class QueueList(NamesView):
    def items(self) -> Sequence[dict[str, Any]]:
        return statistics.queues(self.actor)

    @extend_schema(operation_id="list_queues", summary="Queues", responses=QueueShape(many=True))
    def get(self, request: Request) -> Response:
        return super().get(request)


class QueueVerb(ApiView):
    act: ClassVar[Callable[..., object]]

    def perform(self, name: str, reason: str) -> object:
        try:
            return type(self).act(name, actor=self.actor, reason=reason)
        except UnknownQueue as error:
            raise NotFound(str(error)) from None


class Pause(QueueVerb):
    needs = "jobs.pause_queue"
    act = staticmethod(queues.pause)

    @extend_schema(
        operation_id="pause_queue",
        summary="Let workers leave a queue; what runs goes on",
        request=RequiredReason,
        responses=QueueShape,
    )
    def post(self, request: Request, name: str) -> Response:
        self.perform(name, read_reason(request.data))
        return Response(statistics.queue(name))


class Resume(QueueVerb):
    needs = "jobs.pause_queue"
    act = staticmethod(queues.resume)

    @extend_schema(
        operation_id="resume_queue", summary="Let workers back", request=RequiredReason, responses=QueueShape
    )
    def post(self, request: Request, name: str) -> Response:
        self.perform(name, read_reason(request.data))
        return Response(statistics.queue(name))


class Purge(QueueVerb):
    needs = "jobs.purge_queue"
    act = staticmethod(queues.purge)

    @extend_schema(
        operation_id="purge_queue",
        summary="Cancel every job that waits in a queue, each recorded",
        request=RequiredReason,
        responses=PurgedShape,
    )
    def post(self, request: Request, name: str) -> Response:
        purged = self.perform(name, read_reason(request.data))
        return Response({**statistics.queue(name), "purged": purged})
