"""Queues: their depth, and pausing, resuming and purging them. A queue nobody ever paused has no row, and is shown too."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from jobs import conf
from jobs.admin import shown
from jobs.admin.looking import actor_of
from jobs.admin.shown import Section
from jobs.admin.verbs import Ask, Done, Field, Look, Verb, VerbAdmin
from jobs.api import statistics
from jobs.control import queues
from jobs.domain.errors import TallyError
from jobs.models import Queue


class NotTyped(TallyError):
    code = "not_typed"


class Pause(Verb):
    name = "pause"
    label = "Pause"
    participle = "paused"
    permission = "jobs.pause_queue"
    explanation = "Workers leave the queue with their next beat; what runs goes on, nothing new starts."
    for_many = False

    def refusal(self, row: Queue) -> str:
        return "paused already" if row.paused_at else ""

    def act(self, look: Look, ask: Ask) -> Done:
        return Done([queues.pause(look.rows[0].name, actor=ask.actor, reason=ask.reason)])


class Resume(Verb):
    name = "resume"
    label = "Resume"
    participle = "resumed"
    permission = "jobs.pause_queue"
    explanation = "Workers take from the queue again."
    for_many = False

    def refusal(self, row: Queue) -> str:
        return "" if row.paused_at else "not paused"

    def act(self, look: Look, ask: Ask) -> Done:
        return Done([queues.resume(look.rows[0].name, actor=ask.actor, reason=ask.reason)])


class Purge(Verb):
    name = "purge"
    label = "Purge"
    participle = "purged"
    permission = "jobs.purge_queue"
    explanation = "Every job that waits in the queue is cancelled, each with its own record. There is no way back."
    for_many = False
    is_danger = True

    def fields(self, look: Look) -> list[Field]:
        return [Field("typed", f"Type the queue’s name, {look.rows[0].name}, to confirm")]

    def act(self, look: Look, ask: Ask) -> Done:
        queue = look.rows[0]
        if ask.given.get("typed") != queue.name:
            raise NotTyped(f"Nothing was purged: type the queue’s name, {queue.name}, to confirm.")
        count = queues.purge(queue.name, actor=ask.actor, reason=ask.reason)
        return Done([queue], said=f"{queue.name} purged: {count} waiting jobs cancelled.")


@admin.register(Queue)
class QueueAdmin(VerbAdmin):
    verbs = [Pause(), Resume(), Purge()]
    fieldsets = ((None, {"fields": ("name", "description", "state", "paused_by", "paused_reason", "since")}),)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Queue | None:
        found: Queue | None = super().get_object(request, object_id, from_field)
        return found or (Queue(name=object_id) if object_id in conf.current().QUEUES else None)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        actor = actor_of(request)
        listed = [
            {
                **queue,
                "url": reverse("admin:jobs_queue_change", args=[queue["name"]]),
                "verbs": self._offered(queue, actor),
            }
            for queue in statistics.queues(actor)
        ]
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Queues", "queues": listed}
        return TemplateResponse(request, "admin/tally/queues.html", context)

    def sections(self, request: HttpRequest, obj: Queue) -> list[Section]:
        told = next((q for q in statistics.queues(actor_of(request)) if q["name"] == obj.name), None)
        if told is None:
            return []
        row = (told["waiting"], shown.seconds(told["oldest_seconds"]), told["running"], told["workers"])
        return [Section("Now", ("Waiting", "Oldest", "Running", "Workers"), [row], "")]

    @admin.display(description="state")
    def state(self, queue: Queue) -> Any:
        return shown.state("paused" if queue.paused_at else "active")

    @admin.display(description="paused at")
    def since(self, queue: Queue) -> Any:
        return shown.moment(queue.paused_at)

    def _offered(self, queue: dict[str, Any], actor: Any) -> list[tuple[Verb, str]]:
        unwanted = "pause" if queue["paused"] else "resume"
        offered = [verb for verb in self.verbs if verb.may(actor) and verb.name != unwanted]
        return [(verb, reverse("admin:jobs_queue_verb", args=[queue["name"], verb.name])) for verb in offered]
