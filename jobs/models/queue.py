"""One row per queue that anyone paused or described. No row: active."""

from django.db import models


class Queue(models.Model):
    name = models.CharField(max_length=64, primary_key=True)
    description = models.CharField(max_length=255, blank=True, default="")
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=150, blank=True, default="")
    paused_reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        permissions = [("pause_queue", "Can pause and resume queues"), ("purge_queue", "Can purge queues")]

    def __str__(self) -> str:
        return self.name
