"""Dead letters: listed, shown, requeued, discarded."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from dlq import discard, queries, requeue
from dlq.api.bodies import RequeueBody
from dlq.api.shapes import LetterShape, RequeuedShape
from dlq.filters import LetterFilter
from dlq.models import DeadLetter, Resolution
from dlq.resolving import LetterUnknown
from jobs import conf
from jobs.api.filters import StrictFilterSet, Text
from jobs.api.reasons import RequiredReason, read_reason
from jobs.api.submission_bodies import checked
from jobs.api.views import ApiView, ListView
from jobs.domain.states import CELERY_STATUS, Burial, State


def _priorities() -> list[tuple[str, str]]:
    return [(name, name) for name in conf.current().QUEUES]


class LetterQuery(StrictFilterSet):
    resolution = filters.ChoiceFilter(choices=Resolution.choices)
    task_type = Text(field_name="task")
    priority = filters.ChoiceFilter(field_name="queue", choices=_priorities)
    fingerprint = Text(field_name="group")
    reason = filters.ChoiceFilter(choices=[(burial.value, burial.value) for burial in Burial])
    since = filters.IsoDateTimeFilter(method="buried_since")

    class Meta:
        model = DeadLetter
        fields: list[str] = []

    def buried_since(self, rows: QuerySet[DeadLetter], _name: str, value: datetime) -> QuerySet[DeadLetter]:
        return LetterFilter(since=value).apply(rows)


class LetterList(ListView):
    filterset_class = LetterQuery
    serializer_class = LetterShape

    def rows(self) -> QuerySet[DeadLetter]:
        return queries.letters()

    @extend_schema(
        operation_id="list_dead_letters", summary="Dead letters, newest first", responses=LetterShape(many=True)
    )
    def get(self, request: Request) -> Response:
        return super().get(request)


class LetterDetail(ApiView):
    @extend_schema(operation_id="get_dead_letter", summary="One dead letter", responses=LetterShape)
    def get(self, request: Request, letter_id: UUID) -> Response:
        letter = DeadLetter.objects.filter(id=letter_id).first()
        if letter is None:
            raise LetterUnknown(letter_id)
        return Response(_shown(letter, self))


class Requeue(ApiView):
    needs = requeue.PERMISSION

    @extend_schema(
        operation_id="requeue_dead_letter",
        summary="Queue a dead job again with its full budget, perhaps with another payload",
        request=RequeueBody,
        responses={202: RequeuedShape},
    )
    def post(self, request: Request, letter_id: UUID) -> Response:
        body = checked(RequeueBody, request.data)
        letter = requeue.requeue(letter_id, actor=self.actor, reason=body.reason.strip(), payload=body.payload)
        return Response({**_shown(letter, self), "status": CELERY_STATUS[State.QUEUED]}, status=202)


class Discard(ApiView):
    needs = discard.PERMISSION

    @extend_schema(
        operation_id="discard_dead_letter",
        summary="Close a dead letter without running its job again",
        request=RequiredReason,
        responses=LetterShape,
    )
    def post(self, request: Request, letter_id: UUID) -> Response:
        letter = discard.discard(letter_id, actor=self.actor, reason=read_reason(request.data))
        return Response(_shown(letter, self))


def _shown(letter: DeadLetter, view: ApiView) -> dict[str, Any]:
    return dict(LetterShape(letter, context={"actor": view.actor}).data)
