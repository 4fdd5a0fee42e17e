"""One row per error fingerprint, with its triage, and its deaths per minute and hour, so that no window needs a scan."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from jobs.models.ids import uuid7


class Triage(models.TextChoices):
    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    MUTED = "muted"
    RESOLVED = "resolved"
    REGRESSED = "regressed"


class GroupQuerySet(models.QuerySet["Group"]):
    def needing_attention(self) -> Self:
        return self.filter(state__in=[Triage.NEW, Triage.REGRESSED])

    def mute_over(self, now: datetime) -> Self:
        return self.filter(state=Triage.MUTED, muted_until__lte=now)


class Group(models.Model):
    fingerprint = models.CharField(max_length=32, primary_key=True)
    version = models.PositiveSmallIntegerField(help_text="Of the rule that made the fingerprint.")
    title = models.CharField(max_length=300)
    error_type = models.CharField(max_length=255, blank=True, default="")
    tasks = models.JSONField(default=list)
    queues = models.JSONField(default=list)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()

    total = models.PositiveIntegerField(default=0)
    open = models.PositiveIntegerField(default=0)
    requeued = models.PositiveIntegerField(default=0)
    discarded = models.PositiveIntegerField(default=0)
    died_again = models.PositiveIntegerField(default=0, help_text="Requeued from this group, and dead again.")

    state = models.CharField(max_length=16, choices=Triage.choices, default=Triage.NEW)
    state_since = models.DateTimeField(default=timezone.now)
    state_by = models.CharField(max_length=150, blank=True, default="")
    state_reason = models.CharField(max_length=500, blank=True, default="")
    muted_until = models.DateTimeField(null=True, blank=True)
    muted_until_total = models.PositiveIntegerField(null=True, blank=True, help_text="Muted until `total` is this.")
    assignee = models.CharField(max_length=150, blank=True, default="")

    announce_at = models.DateTimeField(null=True, blank=True, help_text="A change of state is to be announced then.")
    announced_at = models.DateTimeField(null=True, blank=True)
    announced_state = models.CharField(max_length=16, blank=True, default="")
    announce_tries = models.PositiveSmallIntegerField(default=0)

    objects: models.Manager["Group"] = GroupQuerySet.as_manager()

    class Meta:
        permissions = [("triage_group", "Can acknowledge, mute and resolve groups of dead letters")]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=Triage.values), name="group_state_known"),
            models.CheckConstraint(
                condition=Q(state="muted") | Q(muted_until__isnull=True, muted_until_total__isnull=True),
                name="group_mute_only_when_muted",
            ),
        ]
        indexes = [
            models.Index(fields=["-last_seen", "-fingerprint"], name="group_newest"),
            models.Index(fields=["state", "-last_seen", "-fingerprint"], name="group_state_newest"),
            models.Index(fields=["muted_until"], name="group_muted", condition=Q(state="muted")),
            models.Index(fields=["announce_at"], name="group_unannounced", condition=Q(announce_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.state})"


class Span(models.TextChoices):
    """How long the time is that one count covers: minutes serve the short windows, hours the long ones."""

    MINUTE = "minute"
    HOUR = "hour"


class GroupCount(models.Model):
    group = models.ForeignKey(
        Group, on_delete=models.CASCADE, related_name="counts", db_column="fingerprint", db_index=False
    )
    task = models.CharField(max_length=255, default="")
    queue = models.CharField(max_length=64, default="")
    span = models.CharField(max_length=6, choices=Span.choices)
    at = models.DateTimeField(help_text="The beginning of the minute or hour.")
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "span", "at", "task", "queue"], name="group_count_once")
        ]
        indexes = [models.Index(fields=["span", "at"], name="group_count_age")]

    def __str__(self) -> str:
        return f"{self.group_id} {self.span} {self.at:%Y-%m-%d %H:%M}: {self.count}"


class Note(models.Model):
    """What somebody found out about a group. Rows are only ever added."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="notes", db_column="fingerprint")
    at = models.DateTimeField(default=timezone.now)
    author = models.CharField(max_length=150)
    text = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.author} on {self.group_id}: {self.text[:50]}"
