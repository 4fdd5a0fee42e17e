"""Attempts: what each worker ran, and what came of it."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from jobs.admin import shown
from jobs.admin.filtering import one_of
from jobs.admin.looking import LookingAdmin
from jobs.api import search
from jobs.domain.states import Outcome
from jobs.models import Attempt, Job


@admin.register(Attempt)
class AttemptAdmin(LookingAdmin):
    bulky = ("error", "traceback", "causes", "log")
    secret = ("What it left",)
    list_display = ("id", "job_", "number", "outcome_", "worker", "started", "waited", "ran", "error_type")
    list_filter = (one_of("outcome", "outcome", lambda: Outcome),)
    search_fields = ("worker",)
    search_help_text = "The start of a job's id, or a worker's whole name."
    fieldsets = (
        (None, {"fields": ("job_", "number", "outcome_", "late_outcome", "worker", "pid", "incarnation")}),
        ("Times", {"fields": ("started", "finished", "waited", "ran", "retry")}),
        ("What it left", {"fields": ("error_", "traceback_", "log_")}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Attempt], search_term: str
    ) -> tuple[QuerySet[Attempt], bool]:
        term = search_term.strip()[:255]
        if not term:
            return queryset, False
        ids = search.ids_from(term)
        return queryset.filter(Q(job_id__range=ids) if ids else Q(worker=term)), False

    @admin.display(description="job")
    def job_(self, attempt: Attempt) -> SafeString:
        return shown.link(shown.address(Job, attempt.job_id), shown.short(attempt.job_id))

    @admin.display(description="outcome")
    def outcome_(self, attempt: Attempt) -> SafeString:
        return shown.state(attempt.outcome)

    @admin.display(description="started")
    def started(self, attempt: Attempt) -> Any:
        return shown.moment(attempt.started_at)

    @admin.display(description="finished")
    def finished(self, attempt: Attempt) -> Any:
        return shown.moment(attempt.finished_at)

    @admin.display(description="retry at")
    def retry(self, attempt: Attempt) -> Any:
        return shown.moment(attempt.retry_at)

    @admin.display(description="waited")
    def waited(self, attempt: Attempt) -> str:
        return shown.seconds(attempt.wait_seconds)

    @admin.display(description="ran")
    def ran(self, attempt: Attempt) -> str:
        return shown.seconds(attempt.run_seconds)

    @admin.display(description="error")
    def error_(self, attempt: Attempt) -> Any:
        return shown.block(f"{attempt.error_type}: {attempt.error}" if attempt.error_type else attempt.error)

    @admin.display(description="traceback")
    def traceback_(self, attempt: Attempt) -> Any:
        return shown.block(attempt.traceback)

    @admin.display(description="log")
    def log_(self, attempt: Attempt) -> Any:
        return shown.block(attempt.log)
