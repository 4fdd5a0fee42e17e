"""Dead letters: what died, why, and who decided about it. Jobs show theirs too, and offer the same verbs."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from dlq.admin.deciding import Discard, DiscardJobs, Requeue, RequeueEdited, RequeueJobEdited, RequeueJobs
from dlq.models import DeadLetter, Group, Resolution
from jobs import conf
from jobs.admin import job as job_admin
from jobs.admin import shown
from jobs.admin.filtering import one_of
from jobs.admin.shown import Section
from jobs.admin.verbs import VerbAdmin
from jobs.api import search
from jobs.domain.states import Burial
from jobs.intake import registry
from jobs.models import Job


@admin.register(DeadLetter)
class DeadLetterAdmin(VerbAdmin):
    verbs = [Requeue(), RequeueEdited(), Discard()]
    bulky = ("error", "traceback", "args", "payload", "payload_diff")
    secret = ("What died",)
    dates_by_id = True
    is_late = True
    list_display = ("id_", "task", "queue", "reason", "error_type", "group_", "resolution_", "resolved_by", "created")
    list_filter = (
        one_of("resolution", "resolution", lambda: Resolution.values),
        one_of("queue", "queue", lambda: conf.current().QUEUES),
        one_of("task", "task", lambda: sorted(spec.name for spec in registry.every())),
        one_of("reason", "reason", lambda: Burial),
    )
    search_fields = ("task",)
    search_help_text = "The start of a letter's or a job's id, a task, or a group's whole fingerprint."
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("id", "job_", "task", "queue", "reason", "group_", "attempts", "created", "died_again")}),
        ("Decision", {"fields": ("resolution_", "resolved_by", "resolved", "resolution_reason")}),
        ("What died", {"fields": ("error_", "traceback_", "payload_", "args_", "diff")}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[DeadLetter], search_term: str
    ) -> tuple[QuerySet[DeadLetter], bool]:
        term = search_term.strip()[:255]
        if not term:
            return queryset, False
        ids = search.ids_from(term)
        meant = Q(task=term) | Q(group=term)
        return queryset.filter(meant | Q(id__range=ids) | Q(job_id__range=ids) if ids else meant), False

    @admin.display(description="id")
    def id_(self, letter: DeadLetter) -> SafeString:
        return shown.short(letter.id)

    @admin.display(description="job")
    def job_(self, letter: DeadLetter) -> SafeString:
        return shown.link(shown.address(Job, letter.job_id), letter.job_id)

    @admin.display(description="group")
    def group_(self, letter: DeadLetter) -> SafeString:
        return shown.link(shown.address(Group, letter.group_id), str(letter.group_id)[:12])

    @admin.display(description="resolution")
    def resolution_(self, letter: DeadLetter) -> SafeString:
        return shown.state(letter.resolution)

    @admin.display(description="died")
    def created(self, letter: DeadLetter) -> Any:
        return shown.moment(letter.created_at)

    @admin.display(description="resolved at")
    def resolved(self, letter: DeadLetter) -> Any:
        return shown.moment(letter.resolved_at)

    @admin.display(description="died again at")
    def died_again(self, letter: DeadLetter) -> Any:
        return shown.moment(letter.died_again_at)

    @admin.display(description="error")
    def error_(self, letter: DeadLetter) -> Any:
        return shown.block(f"{letter.error_type}: {letter.error}" if letter.error_type else letter.error)

    @admin.display(description="traceback")
    def traceback_(self, letter: DeadLetter) -> Any:
        return shown.block(letter.traceback)

    @admin.display(description="payload")
    def payload_(self, letter: DeadLetter) -> Any:
        return shown.pretty(letter.payload)

    @admin.display(description="arguments without a name")
    def args_(self, letter: DeadLetter) -> Any:
        return shown.pretty(letter.args)

    @admin.display(description="edited")
    def diff(self, letter: DeadLetter) -> Any:
        return shown.pretty(letter.payload_diff)


def letters_of(job: Job) -> Section:
    found = DeadLetter.objects.filter(job=job).defer(*DeadLetterAdmin.bulky).order_by("-id")[:20]
    rows = [
        (
            shown.link(shown.address(DeadLetter, letter.id), shown.short(letter.id)),
            shown.moment(letter.created_at),
            letter.reason,
            letter.error_type or shown.NONE,
            shown.state(letter.resolution),
            letter.resolved_by or shown.NONE,
            letter.resolution_reason or shown.NONE,
        )
        for letter in found
    ]
    columns = ("Letter", "Died", "Because", "Error", "Resolution", "By", "Reason")
    return Section("Dead letters", columns, rows, "It has never died.")


job_admin.add_section(letters_of)
for verb in (RequeueJobs(), RequeueJobEdited(), DiscardJobs()):
    job_admin.offer(verb)
