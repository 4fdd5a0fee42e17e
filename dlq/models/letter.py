"""One row per burial: a job may die, be requeued and die again. At most one letter of a job is open."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from dlq.models.group import Group
from jobs.domain.states import Burial
from jobs.models import Job
from jobs.models.ids import uuid7
from jobs.models.literal import Literal


class Resolution(models.TextChoices):
    OPEN = "open"
    REQUEUED = "requeued"
    DISCARDED = "discarded"


class DeadLetterQuerySet(models.QuerySet["DeadLetter"]):
    def open(self) -> Self:
        return self.filter(resolution=Literal(Resolution.OPEN))

    def newest_first(self) -> Self:
        return self.order_by("-id")


class DeadLetter(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="dead_letters")
    group = models.ForeignKey(
        Group, on_delete=models.PROTECT, related_name="letters", db_column="fingerprint", db_index=False
    )
    task = models.CharField(max_length=255)
    queue = models.CharField(max_length=64)
    reason = models.CharField(max_length=16, choices=[(b.value, b.value) for b in Burial])
    error_type = models.CharField(max_length=255, blank=True, default="")
    error = models.TextField(blank=True, default="")
    traceback = models.TextField(blank=True, default="")
    args = models.JSONField(default=list, blank=True)
    payload = models.JSONField(default=dict, blank=True, help_text="As it was when the job died.")
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    resolution = models.CharField(max_length=16, choices=Resolution.choices, default=Resolution.OPEN)
    resolved_by = models.CharField(max_length=150, blank=True, default="")
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution_reason = models.CharField(max_length=500, blank=True, default="")
    payload_diff = models.JSONField(
        default=dict, blank=True, help_text="Of an edited requeue: field → what it was (from) and became (to)."
    )
    died_again_at = models.DateTimeField(null=True, blank=True, help_text="When the requeued job was buried again.")

    objects: models.Manager["DeadLetter"] = DeadLetterQuerySet.as_manager()

    class Meta:
        permissions = [("requeue_deadletter", "Can requeue dead jobs"), ("discard_deadletter", "Can discard dead jobs")]
        constraints = [
            models.UniqueConstraint(fields=["job"], condition=Q(resolution="open"), name="letter_one_open_per_job"),
            models.CheckConstraint(condition=Q(resolution__in=Resolution.values), name="letter_resolution_known"),
            models.CheckConstraint(
                condition=Q(resolution="open", resolved_at__isnull=True)
                | (~Q(resolution="open") & Q(resolved_at__isnull=False)),
                name="letter_resolved_iff_closed",
            ),
        ]
        indexes = [
            models.Index(fields=["resolution", "-id"], name="letter_resolution_newest"),
            models.Index(fields=["created_at"], name="letter_open_oldest", condition=Q(resolution="open")),
            models.Index(fields=["group", "-id"], name="letter_group_newest"),
            models.Index(fields=["task", "-id"], name="letter_task_newest"),
            models.Index(fields=["queue", "-id"], name="letter_queue_newest"),
            models.Index(fields=["resolution", "resolved_at"], name="letter_resolved"),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.job_id}: {self.reason} ({self.resolution})"

    @property
    def fingerprint(self) -> str:
        return str(self.group_id)
