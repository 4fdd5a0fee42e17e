"""Operations: what was started over many letters, how far it is, and the button that cancels it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from dlq import operations
from dlq.models import Operation, OperationItem, OperationState
from dlq.models.operation import Verb
from jobs.admin import shown
from jobs.admin import verbs as admin_verbs
from jobs.admin.filtering import one_of
from jobs.admin.shown import Section
from jobs.admin.verbs import Ask, Done, Look, VerbAdmin
from jobs.domain.actors import Actor
from jobs.models import Job


class CancelOperation(admin_verbs.Verb):
    name = "cancel"
    label = "Cancel"
    participle = "cancelled"
    permission = "dlq.requeue_deadletter"
    explanation = "What is done stays done; the rest is left alone."
    for_many = False

    def may(self, actor: Actor) -> bool:
        """The verb itself asks for the permission of what is being cancelled."""
        return any(actor.may(permission) for permission in operations.PERMISSIONS.values())

    def refusal(self, row: Operation) -> str:
        return "" if row.is_active else f"{row.state} already"

    def act(self, look: Look, ask: Ask) -> Done:
        return Done([operations.cancel(look.rows[0].id, actor=ask.actor, reason=ask.reason, now=ask.now)])


@admin.register(Operation)
class OperationAdmin(VerbAdmin):
    verbs = [CancelOperation()]
    dates_by_id = True
    list_display = ("created", "verb", "state_", "progress", "created_by", "reason")
    list_filter = (
        one_of("state", "state", lambda: OperationState.values),
        one_of("verb", "verb", lambda: Verb.values),
    )
    search_fields = ("created_by",)
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("id", "verb", "state_", "reason", "created_by", "stopped_because")}),
        ("Progress", {"fields": ("progress", "skipped", "failed", "succeeded", "died_again")}),
        ("How", {"fields": ("filter_", "canary", "rate_per_second", "stop_above_percent", "newest_letter")}),
        ("Times", {"fields": ("created", "finished", "request_id", "source_address")}),
    )

    def sections(self, request: HttpRequest, obj: Operation) -> list[Section]:
        items = OperationItem.objects.filter(operation=obj).order_by("-id")[:50]
        rows = [
            (
                shown.link(shown.address(Job, item.job_id), shown.short(item.job_id)),
                shown.state(item.outcome),
                item.detail or shown.NONE,
                item.result or shown.NONE,
            )
            for item in items
        ]
        return [Section("The last 50 letters", ("Job", "Outcome", "Detail", "What came of it"), rows, "None yet.")]

    @admin.display(description="started")
    def created(self, operation: Operation) -> Any:
        return shown.moment(operation.created_at)

    @admin.display(description="finished")
    def finished(self, operation: Operation) -> Any:
        return shown.moment(operation.finished_at)

    @admin.display(description="state")
    def state_(self, operation: Operation) -> SafeString:
        return shown.state(operation.state)

    @admin.display(description="done")
    def progress(self, operation: Operation) -> str:
        return f"{operation.done} of {operation.matched}"

    @admin.display(description="filter")
    def filter_(self, operation: Operation) -> Any:
        """With the beginning of a list of ids, which may be ten thousand long."""
        wanted = dict(operation.filter)
        if len(ids := wanted.get("ids", ())) > 10:
            wanted["ids"] = [*ids[:10], f"… and {len(ids) - 10} more"]
        return shown.pretty(wanted)
