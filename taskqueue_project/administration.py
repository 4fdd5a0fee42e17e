"""The admin's site: behind the dashboard's Content-Security-Policy, its refusals are pages, its index shows the queues."""

from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from dashboard.access import secure
from dlq import queries as dead_letters
from dlq.models import Group
from jobs.api import statistics
from jobs.api.actors import actor_of_user, traces_of

_GROUPS_SHOWN = 5


class TallySite(AdminSite):
    site_title = "Tally"
    site_header = "Tally"
    index_title = "Administration"
    index_template = "admin/tally/index.html"

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        guarded = super().admin_view(view, cacheable)

        def answer(request: HttpRequest, *args: Any, **parts: Any) -> HttpResponseBase:
            try:
                return _secure(guarded(request, *args, **parts))
            except PermissionDenied as refusal:
                return _secure(self._refuse(request, str(refusal)))

        return answer

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = super().login(request, extra_context)
        return secure(response)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        actor = actor_of_user(request.user, **traces_of(request))
        shown: dict[str, Any] = {"may_view": actor.may("jobs.view_job")}
        if shown["may_view"]:
            shown["queues"] = statistics.queues(actor)
            shown["pulse"] = dead_letters.pulse(now=timezone.now())
            shown["groups"] = _open_groups()
        return super().index(request, {**shown, **(extra_context or {})})

    def _refuse(self, request: HttpRequest, message: str) -> TemplateResponse:
        context = {
            **self.each_context(request),
            "title": "You may not do this",
            "message": message or "Your account lacks the permission for this.",
        }
        return TemplateResponse(request, "admin/tally/trouble.html", context, status=403)


def _open_groups() -> list[tuple[Group, str]]:
    found = dead_letters.groups(is_open=True).filter(state__in=dead_letters.UNDECIDED)[:_GROUPS_SHOWN]
    return [(group, reverse("admin:dlq_group_change", args=[group.pk])) for group in found]


def _secure(response: HttpResponseBase) -> HttpResponseBase:
    return secure(response) if isinstance(response, HttpResponse) else response
