"""One row per chord: the body that is submitted once all members have succeeded, and the lock that makes it once."""

from django.db import models


class Chord(models.Model):
    group_id = models.CharField(max_length=64, primary_key=True)
    size = models.PositiveIntegerField()
    body = models.JSONField()
    body_id = models.UUIDField()
    submitted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["body_id"], name="chord_body")]

    def __str__(self) -> str:
        return f"chord {self.group_id} of {self.size}"
