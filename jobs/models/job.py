"""One row per submission. The row is the truth; constraints keep what must never be otherwise."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from django.db import connections, models
from django.db.models import F, Func, Q, Value
from django.utils import timezone

from jobs.domain.states import FINAL, WAITING, Source, State
from jobs.models.ids import uuid7
from jobs.models.literal import Literal

_FINAL, _WAITING, _DATED = sorted(FINAL), sorted(WAITING), [State.SCHEDULED, State.RETRYING]
_IS_FINAL, _IS_WAITING, _IS_DATED = Q(state__in=_FINAL), Q(state__in=_WAITING), Q(state__in=_DATED)


class _HasElement(Func):
    """SQLite has no containment of JSON: look at each element."""

    template = "EXISTS (SELECT 1 FROM json_each(%(expressions)s)"
    arg_joiner = ") WHERE json_each.value = "
    output_field = models.BooleanField()


def _is_one_of(states: Sequence[str]) -> Q:
    """In the words of a partial index's condition."""
    return Q(state__in=[Literal(state) for state in states])


class JobQuerySet(models.QuerySet["Job"]):
    def in_state(self, state: str) -> Self:
        return self.filter(state=Literal(state))

    def waiting(self) -> Self:
        return self.filter(_is_one_of(_WAITING))

    def queued(self) -> Self:
        return self.in_state(State.QUEUED)

    def running(self) -> Self:
        return self.in_state(State.RUNNING)

    def final(self) -> Self:
        return self.filter(_is_one_of(_FINAL))

    def not_final(self) -> Self:
        return self.exclude(_is_one_of(_FINAL))

    def due(self, now: datetime) -> Self:
        return self.filter(_is_one_of(_DATED), run_at__lte=now, cancel_requested_at__isnull=True)

    def flagged(self) -> Self:
        """Cancel was asked for and has not happened yet."""
        return self.not_final().filter(cancel_requested_at__isnull=False)

    def tagged(self, tag: str) -> Self:
        if connections[self.db].vendor == "sqlite":
            return self.filter(_HasElement("tags", Value(tag)))
        return self.filter(tags__contains=[tag]).exclude(tags=[])  # which is what the index holds

    def overdue_to_expire(self, now: datetime) -> Self:
        return self.waiting().filter(expires_at__lte=now)


class Job(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.CharField(max_length=255)
    queue = models.CharField(max_length=64)
    args = models.JSONField(default=list, blank=True)
    payload = models.JSONField(default=dict, blank=True)
    options = models.JSONField(default=dict, blank=True, help_text="Celery options that hold for every attempt.")
    sensitive = models.BooleanField(default=False, db_default=False)

    state = models.CharField(max_length=16, choices=[(s.value, s.value) for s in State])
    attempt = models.PositiveIntegerField(default=0, help_text="The highest attempt that has started.")
    closed = models.PositiveIntegerField(default=0, help_text="The highest attempt that has an outcome.")
    failures = models.PositiveIntegerField(default=0, help_text="Since the last requeue.")
    losses = models.PositiveIntegerField(default=0, help_text="Since the last requeue.")
    unknowns = models.PositiveIntegerField(default=0, help_text="Since the last requeue.")
    max_retries = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: without end.")

    created_at = models.DateTimeField(default=timezone.now)
    run_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True, help_text="Of the latest attempt.")
    finished_at = models.DateTimeField(null=True, blank=True)

    result = models.JSONField(null=True, blank=True)
    stripped_at = models.DateTimeField(
        null=True, blank=True, help_text="When retention let the payload and the result go."
    )
    error_type = models.CharField(max_length=255, blank=True, default="")
    error = models.TextField(blank=True, default="")
    progress_percent = models.FloatField(null=True, blank=True)
    progress_message = models.CharField(max_length=255, blank=True, default="")

    source = models.CharField(max_length=16, choices=[(s.value, s.value) for s in Source], default=Source.CODE)
    submitted_by = models.CharField(max_length=150, blank=True, default="")
    idempotency_key = models.CharField(max_length=200, blank=True, default="")
    correlation_id = models.CharField(max_length=200, blank=True, default="")
    tags = models.JSONField(default=list, blank=True)
    parent_id = models.UUIDField(null=True, blank=True)
    root_id = models.UUIDField(null=True, blank=True)
    group_id = models.CharField(max_length=64, blank=True, default="")
    group_index = models.PositiveIntegerField(null=True, blank=True)
    chord_id = models.CharField(max_length=64, blank=True, default="")
    follows = models.JSONField(null=True, blank=True, help_text="What is submitted when this job ends.")

    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True, default="")
    cancel_reason = models.CharField(max_length=500, blank=True, default="")

    objects: models.Manager["Job"] = JobQuerySet.as_manager()

    replayed = False  # set on the object that a repeated idempotency key answers with
    request_hash = ""  # set on the object that is being submitted: what its idempotency key stands for

    class Meta:
        permissions = [
            ("view_payload", "Can see payloads, results and error texts"),
            ("submit_job", "Can submit jobs"),
            ("cancel_job", "Can cancel jobs"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[s.value for s in State]), name="job_state_known"),
            models.CheckConstraint(
                condition=(_IS_FINAL & Q(finished_at__isnull=False)) | (~_IS_FINAL & Q(finished_at__isnull=True)),
                name="job_finished_iff_final",
            ),
            models.CheckConstraint(
                condition=~_IS_DATED | Q(run_at__isnull=False),
                name="job_waiting_has_run_at",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.QUEUED) | Q(queued_at__isnull=False, published_at__isnull=False),
                name="job_queued_has_stamps",
            ),
            models.CheckConstraint(condition=Q(closed__lte=F("attempt")), name="job_closed_within_attempts"),
            models.CheckConstraint(
                condition=~Q(state=State.RUNNING) | Q(closed__lt=F("attempt")), name="job_running_has_open_attempt"
            ),
        ]
        indexes = [
            models.Index(fields=["run_at"], name="job_due", condition=_IS_DATED),
            models.Index(fields=["queue", "published_at"], name="job_queued", condition=Q(state=State.QUEUED)),
            models.Index(fields=["queue"], name="job_running", condition=Q(state=State.RUNNING)),
            models.Index(
                fields=["expires_at"], name="job_expiring", condition=_IS_WAITING & Q(expires_at__isnull=False)
            ),
            models.Index(
                fields=["cancel_requested_at"],
                name="job_flagged",
                condition=~_IS_FINAL & Q(cancel_requested_at__isnull=False),
            ),
            models.Index(
                fields=["queue", "state", "finished_at"], name="job_over", condition=Q(finished_at__isnull=False)
            ),
            models.Index(fields=["state", "-id"], name="job_state_newest"),
            models.Index(fields=["task", "-id"], name="job_task_newest"),
            models.Index(fields=["task", "-id"], name="job_dead_of_task", condition=Q(state=State.DEAD)),
            models.Index(fields=["queue", "-id"], name="job_queue_newest"),
            models.Index(fields=["created_at"], name="job_created"),
            models.Index(fields=["-id"], name="job_failed_newest", condition=~Q(error_type="")),
            models.Index(fields=["correlation_id"], name="job_correlation", condition=~Q(correlation_id="")),
            models.Index(fields=["chord_id"], name="job_chord", condition=~Q(chord_id="")),
            models.Index(fields=["parent_id"], name="job_parent", condition=Q(parent_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.id} ({self.state})"

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def next_attempt(self) -> int:
        return self.attempt + 1
