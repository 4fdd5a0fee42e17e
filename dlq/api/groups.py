"""Groups of dead letters: listed with their counts per window, shown, and triaged."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from dlq import queries, triage
from dlq.api.bodies import AssignBody, MuteBody, NoteBody
from dlq.api.shapes import GroupDetailShape, GroupShape
from dlq.models import Group, Triage
from dlq.triage import GroupUnknown
from jobs.api import deadlines, pagination
from jobs.api.filters import StrictFilterSet
from jobs.api.pagination import Cursor
from jobs.api.reasons import RequiredReason, read_reason
from jobs.api.submission_bodies import checked
from jobs.api.views import ApiView


class GroupQuery(StrictFilterSet):
    state = filters.ChoiceFilter(choices=Triage.choices)
    open = filters.BooleanFilter(method="with_open", help_text="Whether it has open letters.")

    class Meta:
        model = Group
        fields: list[str] = []

    def with_open(self, rows: QuerySet[Group], _name: str, value: bool) -> QuerySet[Group]:
        return rows.filter(open__gt=0) if value else rows.filter(open=0)


class GroupList(ApiView):
    pagination_class = pagination.KeysetPagination
    filterset_class = GroupQuery

    @extend_schema(operation_id="list_groups", summary="Groups, last seen first", responses=GroupShape(many=True))
    def get(self, request: Request) -> Response:
        rows = GroupQuery.narrow(queries.groups(), request=request, actor=self.actor)
        with deadlines.list_deadline():
            page = pagination.page_by(lambda at, limit: _fetch(rows, at, limit), key_of=_key_of, request=request)
            shown = queries.with_counts(page.items, now=timezone.now())
        return page.respond(request, list(GroupShape(shown, many=True, context={"actor": self.actor}).data))


class GroupDetail(ApiView):
    @extend_schema(operation_id="get_group", summary="One group", responses=GroupDetailShape)
    def get(self, request: Request, fingerprint: str) -> Response:
        group = Group.objects.filter(fingerprint=fingerprint).first()
        if group is None:
            raise GroupUnknown(fingerprint)
        return Response(_shown(group, self))


class GroupVerb(ApiView):
    needs = triage.PERMISSION
    act: ClassVar[Callable[..., Group]]

    def perform(self, request: Request, fingerprint: str) -> Response:
        group = type(self).act(fingerprint, actor=self.actor, reason=read_reason(request.data))
        return Response(_shown(group, self))


class Acknowledge(GroupVerb):
    act = staticmethod(triage.acknowledge)

    @extend_schema(
        operation_id="acknowledge_group",
        summary="Say that somebody looks into a group",
        request=RequiredReason,
        responses=GroupDetailShape,
    )
    def post(self, request: Request, fingerprint: str) -> Response:
        return self.perform(request, fingerprint)


class Resolve(GroupVerb):
    act = staticmethod(triage.resolve)

    @extend_schema(
        operation_id="resolve_group",
        summary="Say that a group is mended; the next death of the kind brings it back",
        request=RequiredReason,
        responses=GroupDetailShape,
    )
    def post(self, request: Request, fingerprint: str) -> Response:
        return self.perform(request, fingerprint)


class Reopen(GroupVerb):
    act = staticmethod(triage.reopen)

    @extend_schema(
        operation_id="reopen_group",
        summary="Take a resolution or a mute back",
        request=RequiredReason,
        responses=GroupDetailShape,
    )
    def post(self, request: Request, fingerprint: str) -> Response:
        return self.perform(request, fingerprint)


class Mute(ApiView):
    needs = triage.PERMISSION

    @extend_schema(
        operation_id="mute_group",
        summary="Silence a group until a date, or until so many more have died",
        request=MuteBody,
        responses=GroupDetailShape,
    )
    def post(self, request: Request, fingerprint: str) -> Response:
        body = checked(MuteBody, request.data)
        given = {"reason": body.reason.strip(), "until": body.until, "deaths": body.deaths}
        return Response(_shown(triage.mute(fingerprint, actor=self.actor, **given), self))  # type: ignore[arg-type]


class Assign(ApiView):
    needs = triage.PERMISSION

    @extend_schema(
        operation_id="assign_group",
        summary="Say who looks into a group",
        request=AssignBody,
        responses=GroupDetailShape,
    )
    def post(self, request: Request, fingerprint: str) -> Response:
        body = checked(AssignBody, request.data)
        return Response(_shown(triage.assign(fingerprint, actor=self.actor, assignee=body.assignee), self))


class WriteNote(ApiView):
    needs = triage.PERMISSION

    @extend_schema(
        operation_id="note_group",
        summary="Write a note about a group",
        request=NoteBody,
        responses={201: GroupDetailShape},
    )
    def post(self, request: Request, fingerprint: str) -> Response:
        note = triage.write_note(fingerprint, actor=self.actor, text=checked(NoteBody, request.data).text)
        return Response(_shown(note.group, self), status=201)


def _shown(group: Group, view: ApiView) -> dict[str, Any]:
    [row] = queries.with_counts([group], now=timezone.now(), hours=True)
    return dict(GroupDetailShape(row, context={"actor": view.actor}).data)


def _key_of(group: Group) -> str:
    return f"{group.last_seen.isoformat()} {group.fingerprint}"


def _fetch(rows: QuerySet[Group], cursor: Cursor | None, limit: int) -> list[Group]:
    if cursor is None:
        return list(rows[:limit])
    moment, _, fingerprint = cursor.key.partition(" ")
    try:
        seen = datetime.fromisoformat(moment)
    except ValueError:
        seen = None
    if seen is None or seen.tzinfo is None or "\x00" in fingerprint:
        raise NotFound("This cursor is not one of ours.")
    if cursor.is_back:
        newer = Q(last_seen__gt=seen) | Q(last_seen=seen, fingerprint__gt=fingerprint)
        return list(rows.filter(newer, last_seen__gte=seen).order_by("last_seen", "fingerprint")[:limit])
    older = Q(last_seen__lt=seen) | Q(last_seen=seen, fingerprint__lt=fingerprint)
    return list(rows.filter(older, last_seen__lte=seen)[:limit])
