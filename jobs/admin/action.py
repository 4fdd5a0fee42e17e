"""The audit trail: looked at, searched, never changed."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from jobs.admin import shown
from jobs.admin.filtering import one_of
from jobs.admin.looking import LookingAdmin
from jobs.api import search
from jobs.models import Action

VERBS = (
    "cancel",
    "pause",
    "resume",
    "purge",
    "requeue",
    "discard",
    "acknowledge",
    "mute",
    "resolve",
    "reopen",
    "assign",
    "note",
    "stop",
    "rescue",
    "issue",
    "revoke",
)
_KINDS = ("job", "operation", "group", "queue", "token")


@admin.register(Action)
class ActionAdmin(LookingAdmin):
    view_needs = "jobs.view_action"
    secret = ("Before and after",)
    dates_by_id = True
    bulky = ("before", "after")
    list_display = ("at_", "actor", "verb", "object", "reason", "source_address", "request_id")
    list_filter = (one_of("verb", "verb", lambda: VERBS),)
    search_fields = ("actor",)
    search_help_text = "Who did it, or what it was done to: a whole id, or kind:id as in queue:high."
    date_hierarchy = "at"
    fieldsets = (
        (None, {"fields": ("at_", "actor", "verb", "object", "reason")}),
        ("Before and after", {"fields": ("before_", "after_")}),
        ("Whence", {"fields": ("request_id", "source_address")}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Action], search_term: str
    ) -> tuple[QuerySet[Action], bool]:
        term = search_term.strip()[:150]
        if not term:
            return queryset, False
        ids = search.ids_from(term)
        objects = [f"{kind}:{ids[0]}" for kind in _KINDS] if ids and ids[0] == ids[1] else []
        return queryset.filter(Q(actor=term) | Q(object__in=[term, *objects, *(f"{k}:{term}" for k in _KINDS)])), False

    @admin.display(description="at")
    def at_(self, action: Action) -> Any:
        return shown.moment(action.at)

    @admin.display(description="before")
    def before_(self, action: Action) -> Any:
        return shown.pretty(action.before)

    @admin.display(description="after")
    def after_(self, action: Action) -> Any:
        return shown.pretty(action.after)
