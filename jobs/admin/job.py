"""Jobs: searched in the language of the API's lists, looked at with their attempts and what was done to them."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from jobs import conf
from jobs.admin import shown
from jobs.admin.cancel import Cancel
from jobs.admin.filtering import one_of
from jobs.admin.looking import actor_of
from jobs.admin.shown import Section
from jobs.admin.verbs import Verb, VerbAdmin
from jobs.api import queries, search
from jobs.api.search import Asking, SearchInvalid
from jobs.domain.errors import NotAllowed
from jobs.domain.states import State
from jobs.intake import registry
from jobs.models import Action, Attempt, Job

_ATTEMPTS_SHOWN = 50
_ACTIONS_SHOWN = 50

SectionOf = Callable[[Job], Section]
_more_sections: list[SectionOf] = []


def add_section(section: SectionOf) -> None:
    """Apps above the queue show what they know of a job."""
    _more_sections.append(section)


def offer(verb: Verb) -> None:
    """Apps above the queue offer what they can do with jobs."""
    JobAdmin.verbs.append(verb)


@admin.register(Job)
class JobAdmin(VerbAdmin):
    verbs = [Cancel()]
    bulky = ("args", "payload", "result", "options", "follows", "error")
    secret = ("Payload and outcome",)
    list_display = ("short_id", "task", "queue", "state_", "attempts_", "created", "took", "error_type")
    list_filter = (
        one_of("state", "state", lambda: State),
        one_of("queue", "queue", lambda: conf.current().QUEUES),
        one_of("task", "task", lambda: sorted(spec.name for spec in registry.every())),
    )
    search_fields = ("id",)
    search_help_text = (
        "The start of an id, a task or its start, a correlation id; or words such as "
        "tag:vip correlation:order-7 state:dead -queue:low age:>10m error:timeout"
    )
    date_hierarchy = "created_at"
    fieldsets = (
        (None, {"fields": ("id", "task", "queue", "state_", "attempts_", "progress")}),
        ("Times", {"fields": ("created", "run_at_", "queued", "started", "finished", "took", "expires")}),
        ("Payload and outcome", {"fields": ("payload_", "args_", "result_", "error_")}),
        ("Origin", {"fields": ("source", "submitted_by", "tags_", "correlation_id", "idempotency_key", "family")}),
        ("Cancel", {"fields": ("cancel_requested", "cancel_requested_by", "cancel_reason"), "classes": ("collapse",)}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        try:
            asking = Asking(now=timezone.now(), actor=actor_of(request))
            return queryset.filter(search.parse(search_term, asking=asking).where), False
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from None
        except SearchInvalid as error:
            messages.error(request, str(error))
            return queryset.none(), False

    def sections(self, request: HttpRequest, obj: Job) -> list[Section]:
        may_see = actor_of(request).may("jobs.view_payload")
        sections = [_attempts(obj, may_see=may_see), *(section(obj) for section in _more_sections)]
        return [*sections, _actions(obj)] if actor_of(request).may("jobs.view_action") else sections

    @admin.display(description="id")
    def short_id(self, job: Job) -> SafeString:
        return shown.short(job.id)

    @admin.display(description="state")
    def state_(self, job: Job) -> SafeString:
        return shown.state(job.state)

    @admin.display(description="attempt")
    def attempts_(self, job: Job) -> str:
        most = queries.max_attempts(job)
        return f"{job.attempt} of {most}" if most is not None else f"{job.attempt}, without end"

    @admin.display(description="created")
    def created(self, job: Job) -> Any:
        return shown.moment(job.created_at)

    @admin.display(description="runs at")
    def run_at_(self, job: Job) -> Any:
        return shown.moment(job.run_at)

    @admin.display(description="queued")
    def queued(self, job: Job) -> Any:
        return shown.moment(job.queued_at)

    @admin.display(description="started")
    def started(self, job: Job) -> Any:
        return shown.moment(job.started_at)

    @admin.display(description="finished")
    def finished(self, job: Job) -> Any:
        return shown.moment(job.finished_at)

    @admin.display(description="expires")
    def expires(self, job: Job) -> Any:
        return shown.moment(job.expires_at)

    @admin.display(description="took")
    def took(self, job: Job) -> str:
        if job.finished_at is None or job.started_at is None:
            return shown.NONE
        return shown.seconds((job.finished_at - job.started_at).total_seconds())

    @admin.display(description="progress")
    def progress(self, job: Job) -> str:
        if job.progress_percent is None and not job.progress_message:
            return shown.NONE
        return f"{job.progress_percent or 0:g} % {job.progress_message}"

    @admin.display(description="payload")
    def payload_(self, job: Job) -> Any:
        return shown.pretty(job.payload)

    @admin.display(description="arguments without a name")
    def args_(self, job: Job) -> Any:
        return shown.pretty(job.args)

    @admin.display(description="result")
    def result_(self, job: Job) -> Any:
        return shown.pretty(job.result)

    @admin.display(description="last error")
    def error_(self, job: Job) -> Any:
        return shown.block(f"{job.error_type}: {job.error}" if job.error_type else job.error)

    @admin.display(description="tags")
    def tags_(self, job: Job) -> str:
        return ", ".join(job.tags) or shown.NONE

    @admin.display(description="parent")
    def family(self, job: Job) -> Any:
        return shown.link(shown.address(Job, job.parent_id), job.parent_id) if job.parent_id else shown.NONE

    @admin.display(description="requested")
    def cancel_requested(self, job: Job) -> Any:
        return shown.moment(job.cancel_requested_at)


def _attempts(job: Job, *, may_see: bool) -> Section:
    found = list(Attempt.objects.filter(job=job).defer("causes").order_by("-number")[:_ATTEMPTS_SHOWN])
    columns = ("#", "Outcome", "Worker", "Started", "Waited", "Ran", "Retry at", "Error")
    rows = [
        (
            attempt.number,
            shown.state(attempt.outcome),
            f"{attempt.worker} ({attempt.pid})" if attempt.worker else shown.NONE,
            shown.moment(attempt.started_at),
            shown.seconds(attempt.wait_seconds),
            shown.seconds(attempt.run_seconds),
            shown.moment(attempt.retry_at),
            error_of(attempt, may_see=may_see),
        )
        for attempt in found
    ]
    return Section(f"Attempts ({job.attempt})", columns, rows, "No attempt yet.")


def error_of(attempt: Attempt, *, may_see: bool) -> Any:
    if not may_see:
        return attempt.error_type or shown.NONE
    summary = f"{attempt.error_type}: {attempt.error}".strip(": ").split("\n", 1)[0][:120]
    return shown.folded(summary, "\n".join(part for part in (attempt.traceback, attempt.log) if part))


def _actions(job: Job) -> Section:
    found = Action.objects.filter(object=f"job:{job.id}").order_by("-id")[:_ACTIONS_SHOWN]
    columns = ("When", "Who", "Verb", "Reason", "Before → after")
    rows = [
        (
            shown.moment(one.at),
            one.actor,
            shown.link(shown.address(Action, one.id), one.verb),
            one.reason or shown.NONE,
            f"{one.before.get('state', '')} → {one.after.get('state') or one.after.get('resolution', '')}",
        )
        for one in found
    ]
    return Section("What was done", columns, rows, "Nobody has done anything to it.")
