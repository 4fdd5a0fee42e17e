"""Operations on many letters: looked at, started, watched, cancelled, reported."""

import csv
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from dlq import filters, operations
from dlq.api.bodies import OperationBody
from dlq.api.shapes import OperationShape, PreviewShape
from dlq.models import Operation, Verb
from dlq.operations import Plan
from jobs.api.submission_bodies import checked
from jobs.api.views import ApiView, ListView
from jobs.domain.actors import Actor


class OperationList(ListView):
    serializer_class = OperationShape

    def rows(self) -> QuerySet[Operation]:
        return Operation.objects.all()

    @extend_schema(
        operation_id="list_operations", summary="Operations, newest first", responses=OperationShape(many=True)
    )
    def get(self, request: Request) -> Response:
        return super().get(request)

    @extend_schema(
        operation_id="start_operation",
        summary="Requeue or discard all dead letters that match; with dry_run only say which",
        request=OperationBody,
        responses={202: OperationShape, 200: PreviewShape},
    )
    def post(self, request: Request) -> Response:
        _require_some_verb(self.actor)
        body = checked(OperationBody, request.data)
        if not body.dry_run and not body.reason.strip():
            raise ValidationError({"reason": ["Say why: the reason is recorded."]})
        plan = _plan(body)
        if body.dry_run:
            seen = operations.preview(plan, actor=self.actor)
            return Response(PreviewShape(seen, context={"actor": self.actor}).data)
        operation = operations.start(plan, actor=self.actor)
        address = reverse("dlq_api:operation", args=[operation.id])
        return Response(OperationShape(operation).data, status=202, headers={"Location": address})


class OperationDetail(ApiView):
    @extend_schema(operation_id="get_operation", summary="One operation", responses=OperationShape)
    def get(self, request: Request, operation_id: UUID) -> Response:
        return Response(OperationShape(operations.find(operation_id)).data)


class OperationCancel(ApiView):
    @extend_schema(
        operation_id="cancel_operation",
        summary="Leave the rest of an operation alone",
        request=None,
        responses=OperationShape,
    )
    def post(self, request: Request, operation_id: UUID) -> Response:
        _require_some_verb(self.actor)
        return Response(OperationShape(operations.cancel(operation_id, actor=self.actor)).data)


class OperationReport(ApiView):
    @extend_schema(
        operation_id="report_operation",
        summary="What came of every letter of an operation, as CSV",
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, operation_id: UUID) -> StreamingHttpResponse:
        operation = operations.find(operation_id)
        lines = _csv(operation, with_errors=self.actor.may("jobs.view_payload"))
        answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="operation-{operation_id}.csv"'
        return answer


class _Echo:
    """A file that gives each line back."""

    def write(self, line: str) -> str:
        return line


def _csv(operation: Operation, *, with_errors: bool) -> Iterator[str]:
    writer: Any = csv.writer(_Echo())
    yield writer.writerow(operations.REPORT_COLUMNS)
    for row in operations.report(operation, with_errors=with_errors):
        yield writer.writerow(tuple(map(_inert, row)))


def _inert(cell: str) -> str:
    """A spreadsheet must not take an error's text for a formula."""
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell


def _plan(body: OperationBody) -> Plan:
    wanted = {name: value for name, value in body.filter.model_dump().items() if value is not None}
    return Plan(
        verb=Verb(body.verb),
        wanted=filters.read(wanted),
        reason=body.reason.strip(),
        canary=body.canary,
        rate_per_second=body.rate_per_second,
        stop_above_percent=body.stop_above_percent,
    )


def _require_some_verb(actor: Actor) -> None:
    """Before the body is read; the verb itself then asks for its own permission."""
    if not any(actor.may(permission) for permission in operations.PERMISSIONS.values()):
        actor.require(operations.PERMISSIONS[Verb.REQUEUE])
