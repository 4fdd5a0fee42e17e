"""Groups: one row per error fingerprint, triaged here, its letters requeued or discarded as one operation."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from dlq.admin.deciding import DiscardGroup, RequeueGroup
from dlq.admin.triaging import Acknowledge, Mute, Reopen, Resolve
from dlq.models import DeadLetter, Group, Note, Triage
from jobs.admin import shown
from jobs.admin.filtering import one_of
from jobs.admin.shown import Section
from jobs.admin.verbs import VerbAdmin


@admin.register(Group)
class GroupAdmin(VerbAdmin):
    verbs = [Acknowledge(), Mute(), Resolve(), Reopen(), RequeueGroup(), DiscardGroup()]
    ordering = ("-last_seen", "-fingerprint")
    list_display = ("title", "state_", "open", "total", "died_again", "assignee", "first", "last")
    list_filter = (one_of("state", "state", lambda: Triage.values),)
    search_fields = ("title",)
    search_help_text = "A whole fingerprint, an error type, or a part of the title."
    fieldsets = (
        (None, {"fields": ("title", "fingerprint", "error_type", "tasks_", "queues_", "letters")}),
        ("Triage", {"fields": ("state_", "since", "state_by", "state_reason", "assignee")}),
        ("Counts", {"fields": ("total", "open", "requeued", "discarded", "died_again", "first", "last")}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Group], search_term: str
    ) -> tuple[QuerySet[Group], bool]:
        term = search_term.strip()[:255]
        if not term:
            return queryset, False
        return queryset.filter(Q(fingerprint=term) | Q(error_type=term) | Q(title__icontains=term)), False

    def sections(self, request: HttpRequest, obj: Group) -> list[Section]:
        notes = Note.objects.filter(group=obj).order_by("-id")[:20]
        rows = [(shown.moment(note.at), note.author, note.text) for note in notes]
        return [Section("Notes", ("When", "Who", "What"), rows, "Nobody has noted anything.")]

    @admin.display(description="state")
    def state_(self, group: Group) -> SafeString:
        return shown.state(group.state)

    @admin.display(description="since")
    def since(self, group: Group) -> Any:
        return shown.moment(group.state_since)

    @admin.display(description="first seen")
    def first(self, group: Group) -> Any:
        return shown.moment(group.first_seen)

    @admin.display(description="last seen")
    def last(self, group: Group) -> Any:
        return shown.moment(group.last_seen)

    @admin.display(description="tasks")
    def tasks_(self, group: Group) -> str:
        return ", ".join(group.tasks)

    @admin.display(description="queues")
    def queues_(self, group: Group) -> str:
        return ", ".join(group.queues)

    @admin.display(description="letters")
    def letters(self, group: Group) -> SafeString:
        url = f"{shown.list_address(DeadLetter)}?{urlencode({'q': group.fingerprint})}"
        return shown.link(url, f"{group.open} open of {group.total}")
