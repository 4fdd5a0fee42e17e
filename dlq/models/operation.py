"""One row per bulk action, and one per letter in it: what was done to that letter, and what came of it."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from dlq.models.letter import DeadLetter
from jobs.models.ids import uuid7


class Verb(models.TextChoices):
    REQUEUE = "requeue"
    DISCARD = "discard"


class OperationState(models.TextChoices):
    PLANNED = "planned"
    CANARY = "canary"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


_ACTIVE = (OperationState.PLANNED, OperationState.CANARY, OperationState.RUNNING)


class OperationQuerySet(models.QuerySet["Operation"]):
    def active(self) -> Self:
        return self.filter(state__in=_ACTIVE)

    def unsettled(self) -> Self:
        """What came of some of its letters is not known yet."""
        return self.filter(settled_at__isnull=True)


class Operation(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    verb = models.CharField(max_length=16, choices=Verb.choices)
    state = models.CharField(max_length=16, choices=OperationState.choices, default=OperationState.PLANNED)
    filter = models.JSONField(default=dict, blank=True)
    newest_letter = models.UUIDField(help_text="Letters buried later than this one are not touched.")
    reason = models.CharField(max_length=500, blank=True, default="")
    created_by = models.CharField(max_length=150)
    request_id = models.CharField(max_length=64, blank=True, default="")
    source_address = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    planned_to = models.UUIDField(null=True, blank=True, help_text="The last letter that has become an item.")
    finished_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When what came of every letter was known.")

    canary = models.PositiveIntegerField(default=0, help_text="So many first; the rest only when they succeed.")
    rate_per_second = models.FloatField()
    stop_above_percent = models.FloatField(help_text="Of those requeued, when more than that die again.")
    stopped_because = models.CharField(max_length=500, blank=True, default="")

    matched = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    died_again = models.PositiveIntegerField(default=0)

    objects: models.Manager["Operation"] = OperationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=OperationState.values), name="operation_state_known"),
            models.CheckConstraint(condition=Q(verb__in=Verb.values), name="operation_verb_known"),
            models.CheckConstraint(
                condition=Q(state__in=_ACTIVE, finished_at__isnull=True)
                | (~Q(state__in=_ACTIVE) & Q(finished_at__isnull=False)),
                name="operation_finished_iff_over",
            ),
        ]
        indexes = [models.Index(fields=["id"], name="operation_unsettled", condition=Q(settled_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.verb} {self.id} ({self.state})"

    @property
    def is_active(self) -> bool:
        return self.state in _ACTIVE


class ItemOutcome(models.TextChoices):
    PENDING = "pending"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


class ItemResult(models.TextChoices):
    """How the requeued job ended."""

    SUCCEEDED = "succeeded"
    DIED_AGAIN = "died_again"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class OperationItem(models.Model):
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="items", db_index=False)
    letter = models.ForeignKey(DeadLetter, on_delete=models.SET_NULL, null=True, related_name="operation_items")
    job_id = models.UUIDField()
    outcome = models.CharField(max_length=8, choices=ItemOutcome.choices, default=ItemOutcome.PENDING)
    detail = models.CharField(max_length=500, blank=True, default="")
    done_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=12, choices=ItemResult.choices, blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["operation", "letter"], name="item_once")]
        indexes = [models.Index(fields=["operation", "outcome", "result", "id"], name="item_progress")]

    def __str__(self) -> str:
        return f"{self.operation_id} {self.job_id}: {self.outcome}"
