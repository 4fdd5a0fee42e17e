"""One row per execution of a job. An attempt that has an outcome is closed for good."""

from typing import Self

from django.db import models
from django.db.models import Q

from jobs.domain.states import Outcome
from jobs.models.job import Job
from jobs.models.literal import Literal


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def running(self) -> Self:
        return self.filter(outcome=Literal(Outcome.RUNNING))


class Attempt(models.Model):
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    outcome = models.CharField(
        max_length=16,
        choices=[(o.value, o.value) for o in Outcome],
        blank=True,
        default="",
        help_text="Empty: a later attempt is known, this one's outcome is still on its way.",
    )
    worker = models.CharField(max_length=255, blank=True, default="")
    incarnation = models.CharField(max_length=64, blank=True, default="")
    pid = models.PositiveIntegerField(default=0)
    beat = models.PositiveBigIntegerField(default=0, help_text="The worker's beat counter when it started.")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    wait_seconds = models.FloatField(null=True, blank=True)
    run_seconds = models.FloatField(null=True, blank=True)
    error_type = models.CharField(max_length=255, blank=True, default="")
    error = models.TextField(blank=True, default="")
    traceback = models.TextField(blank=True, default="")
    causes = models.JSONField(default=list, blank=True)
    log = models.TextField(blank=True, default="")
    retry_at = models.DateTimeField(null=True, blank=True)
    late_outcome = models.CharField(max_length=16, blank=True, default="")

    objects: models.Manager["Attempt"] = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="attempt_once"),
            models.UniqueConstraint(
                fields=["job"], condition=Q(outcome=Outcome.RUNNING), name="attempt_one_running_per_job"
            ),
            models.UniqueConstraint(
                fields=["job"], condition=Q(outcome=Outcome.SUCCEEDED), name="attempt_one_success_per_job"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="attempt_counts_from_one"),
            models.CheckConstraint(
                condition=Q(outcome__in=["", *(o.value for o in Outcome)]), name="attempt_outcome_known"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["", Outcome.RUNNING], finished_at__isnull=True)
                | (~Q(outcome__in=["", Outcome.RUNNING]) & Q(finished_at__isnull=False)),
                name="attempt_finished_iff_closed",
            ),
        ]
        indexes = [
            models.Index(fields=["incarnation"], name="attempt_running", condition=Q(outcome=Outcome.RUNNING)),
            models.Index(fields=["worker", "job"], name="attempt_of_worker"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.job_id} ({self.outcome or 'unknown'})"
