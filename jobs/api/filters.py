"""The filters of the lists: on indexed columns, by known names only; a bad value or an unknown name is the caller's mistake."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import django_filters
from django.core.exceptions import ValidationError as FormError
from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from jobs import conf
from jobs.api import pagination
from jobs.domain.actors import Actor
from jobs.domain.states import CELERY_STATUS, State
from jobs.intake import storable
from jobs.models import Action, Attempt, Job, ids
from jobs.models.job import JobQuerySet

_BETWEEN_ID_AND_STAMP = timedelta(seconds=5)
_STATUSES = sorted(set(CELERY_STATUS.values()))


class StrictFilterSet(filters.FilterSet):
    @classmethod
    def narrow(cls, rows: QuerySet[Any], *, request: Request, actor: Actor) -> QuerySet[Any]:
        given = request.query_params
        known = {*cls.base_filters, *pagination.PARAMETERS}
        unknown = sorted(set(given) - known)
        if unknown:
            names = ", ".join(sorted(known))
            raise ValidationError({name: [f"There is no such filter. There are: {names}."] for name in unknown})
        filterset = cls(given, queryset=rows, request=request)
        filterset.asked_by = actor
        if not filterset.is_valid():
            raise ValidationError({name: [str(text) for text in texts] for name, texts in filterset.errors.items()})
        narrowed: QuerySet[Any] = filterset.qs
        return narrowed

    asked_by: Actor


def _check_storable(text: str) -> None:
    if storable.mend_text(text) != text:
        raise FormError("This contains characters that no text has.")


class Text(django_filters.CharFilter):
    """Text that a database can be asked for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=255, validators=[_check_storable], strip=False, **options)


def _priorities() -> list[tuple[str, str]]:
    return [(name, name) for name in conf.current().QUEUES]


class JobFilter(StrictFilterSet):
    state = filters.ChoiceFilter(choices=[(s.value, s.value) for s in State])
    status = filters.ChoiceFilter(choices=[(s, s) for s in _STATUSES], method="with_status")
    task_type = Text(field_name="task")
    priority = filters.ChoiceFilter(field_name="queue", choices=_priorities)
    tag = Text(method="with_tag")
    correlation_id = Text()
    worker = Text(method="of_worker")
    error = Text(method="with_error", help_text="The error's type; with view_payload also part of its text.")
    created_after = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gt")
    created_before = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    q = Text(method="like", help_text="An id or its start, a task type or its start, or a correlation id.")

    class Meta:
        model = Job
        fields: list[str] = []

    def with_status(self, rows: JobQuerySet, _name: str, value: str) -> JobQuerySet:
        return rows.filter(state__in=[state for state, status in CELERY_STATUS.items() if status == value])

    def with_tag(self, rows: JobQuerySet, _name: str, value: str) -> JobQuerySet:
        return rows.tagged(value)

    def of_worker(self, rows: JobQuerySet, _name: str, value: str) -> JobQuerySet:
        return rows.filter(id__in=Attempt.objects.filter(worker=value).values("job_id"))

    def with_error(self, rows: JobQuerySet, _name: str, value: str) -> JobQuerySet:
        """Whoever may not see error texts can't find out about them by asking."""
        meant = Q(error_type=value)
        if self.asked_by.may("jobs.view_payload"):
            meant |= Q(error__icontains=value)
        return rows.exclude(error_type="").filter(meant)

    def like(self, rows: JobQuerySet, _name: str, value: str) -> JobQuerySet:
        ids = _ids_from(value)
        if ids is not None:
            return rows.filter(Q(id__range=ids) | Q(correlation_id=value))
        return rows.filter(Q(task__startswith=value) | Q(correlation_id=value))


class ActionFilter(StrictFilterSet):
    actor = Text()
    verb = Text()
    object = Text(help_text="kind:id, as in job:0192….")
    since = filters.IsoDateTimeFilter(method="made_since")

    class Meta:
        model = Action
        fields: list[str] = []

    def made_since(self, rows: QuerySet[Action], _name: str, value: datetime) -> QuerySet[Action]:
        """By the id, which tells when it was made and has the index."""
        return rows.filter(id__gte=ids.lowest_at(value - _BETWEEN_ID_AND_STAMP), at__gte=value)


def _ids_from(text: str) -> tuple[UUID, UUID] | None:
    """The ids that begin like this, when it can be an id's beginning at all."""
    digits = text.lower().replace("-", "")
    if not 6 <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
