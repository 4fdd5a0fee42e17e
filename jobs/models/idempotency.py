"""One row per idempotency key in use: which job answered it first, and for which request."""

from django.db import models


class IdempotencyKey(models.Model):
    scope = models.CharField(max_length=150, help_text="Whose key: a user, or beat.")
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64)
    job_id = models.UUIDField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="idempotency_key_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return f"{self.scope}:{self.key}"
