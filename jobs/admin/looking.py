"""The read-only admin that every model here has: who may look, capped pages, dates without a scan, a deadline for lists."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import ShowFacets
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from jobs.admin import dates, paging
from jobs.admin.dates import Chosen, Jumps
from jobs.admin.shown import Section
from jobs.api.actors import actor_of_user, traces_of
from jobs.api.deadlines import TooSlow, list_deadline
from jobs.domain.actors import Actor
from jobs.models import ids

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin

_ACTOR = "tally_admin_actor"
_SKEW = timedelta(hours=1)  # between the clocks that make keys and those that make dates


def actor_of(request: HttpRequest) -> Actor:
    """Who is logged in; asked for once."""
    known = getattr(request, _ACTOR, None)
    if known is None:
        known = actor_of_user(request.user, **traces_of(request))
        setattr(request, _ACTOR, known)
    return known


class LookingAdmin(_ModelAdmin):
    """Rows are looked at; what changes them are verbs."""

    view_needs = "jobs.view_job"
    bulky: ClassVar[tuple[str, ...]] = ()  # columns that a list does not load
    secret: ClassVar[tuple[str, ...]] = ()  # titles of fieldsets that need view_payload
    dates_by_id = False  # the key of every row is a UUIDv7, so dates are ranges of it
    is_late = False  # the key may be made long after the date that is shown

    change_list_template = "admin/tally/change_list.html"
    change_form_template = "admin/tally/change_form.html"
    paginator = paging.CappedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    list_per_page = 50
    list_max_show_all = 0
    ordering: ClassVar[Any] = ("-pk",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return actor_of(request).may(self.view_needs)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        may_see = actor_of(request).may("jobs.view_payload")
        return [one for one in super().get_fieldsets(request, obj) if may_see or one[0] not in self.secret]

    def sections(self, request: HttpRequest, obj: Any) -> Sequence[Section]:
        """What stands below the fields of one object."""
        return ()

    # Lists.

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if _is_list(request):
            rows = rows.defer(*self.bulky)
        bounds = self._chosen(request).bounds() if self.dates_by_id else None
        if bounds is None:
            return rows
        rows = rows.filter(pk__gte=ids.lowest_at(bounds[0] - _SKEW))
        return rows if self.is_late else rows.filter(pk__lt=ids.lowest_at(bounds[1] + _SKEW))

    def get_ordering(self, request: HttpRequest) -> Any:
        """A range of dates is read in the order of its index."""
        if self.date_hierarchy and not self.dates_by_id and self._chosen(request).year:
            return (f"-{self.date_hierarchy}", "-pk")
        return super().get_ordering(request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method != "GET":
            return super().changelist_view(request, extra_context)
        try:
            with list_deadline():
                response = super().changelist_view(request, {"jumps": self._jumps(request), **(extra_context or {})})
                if isinstance(response, TemplateResponse):
                    response.render()
                return response
        except TooSlow as error:
            return self._show_empty(request, str(error.detail))

    def _show_empty(self, request: HttpRequest, message: str) -> HttpResponse:
        messages.error(request, message)
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "That took too long"}
        return TemplateResponse(request, "admin/tally/trouble.html", context, status=400)

    def _chosen(self, request: HttpRequest) -> Chosen:
        return Chosen.read(request.GET.dict(), self.date_hierarchy) if self.date_hierarchy else Chosen()

    def _jumps(self, request: HttpRequest) -> Jumps | None:
        if not self.date_hierarchy:
            return None
        order = "pk" if self.dates_by_id else self.date_hierarchy
        span = dates.span(self.model._default_manager.all(), column=self.date_hierarchy, order=order)
        if span is None:
            return None
        given = request.GET.dict()
        return dates.jumps(self._chosen(request), column=self.date_hierarchy, given=given, first=span[0], last=span[1])

    # One object.

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method != "GET":
            raise PermissionDenied
        found = self.get_object(request, object_id)
        context = {} if found is None else self.context_of(request, found)
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def context_of(self, request: HttpRequest, obj: Model) -> dict[str, Any]:
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        return {"sections": self.sections(request, obj)}


def _is_list(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and (match.url_name or "").endswith("_changelist")
