"""One row per (minute, queue, task): how many transitions were made, how long jobs waited and ran.

One more per (queue, task), under `ALL_TIME`, counts everything ever and is never pruned.
"""

from datetime import UTC, datetime

from django.db import models

ALL_TIME = datetime(1970, 1, 1, tzinfo=UTC)  # the minute of the rows that count everything ever


class Rollup(models.Model):
    minute = models.DateTimeField()
    queue = models.CharField(max_length=64)
    task = models.CharField(max_length=255)
    counts = models.JSONField(default=dict, help_text="Transitions made, by name.")
    waits = models.JSONField(default=dict, help_text="Attempts by wait: upper bound of the bucket in seconds → count.")
    runs = models.JSONField(default=dict, help_text="Attempts by run time, likewise.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["minute", "queue", "task"], name="rollup_once")]

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M} {self.queue} {self.task}"
