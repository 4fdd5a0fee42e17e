"""What people and the keeper did, newest first."""

from typing import ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api import queries
from jobs.api.filters import ActionFilter
from jobs.api.shown import HidingSerializer, Redacted, TextOrNull
from jobs.api.views import ListView
from jobs.models import Action


class ActionShape(HidingSerializer):
    hidden: ClassVar[tuple[str, ...]] = ("before", "after")

    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    verb = serializers.CharField()
    object = serializers.CharField()
    reason = serializers.CharField()
    before = Redacted()
    after = Redacted()
    request_id = TextOrNull()


class ActionList(ListView):
    needs = "jobs.view_action"
    filterset_class = ActionFilter
    serializer_class = ActionShape

    def rows(self) -> QuerySet[Action]:
        return queries.actions(self.actor)

    @extend_schema(operation_id="list_actions", summary="What was done, newest first", responses=ActionShape(many=True))
    def get(self, request: Request) -> Response:
        return super().get(request)
