"""One row per API token: the digest of a secret that was shown once, whose it is and what it may do."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, now: datetime) -> Self:
        return self.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now), revoked_at__isnull=True)


class ApiToken(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, blank=True, default="", help_text="What it is used for.")
    start = models.CharField(max_length=16, help_text="The first characters of the token, to recognise it by.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256; the token itself is kept nowhere.")
    permissions = models.JSONField(
        default=list, blank=True, help_text="At most these of its user's permissions; empty: all of them."
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: models.Manager["ApiToken"] = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.start}… of {self.user}"
