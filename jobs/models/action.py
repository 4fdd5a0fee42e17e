"""One row per thing a person or the keeper did. Rows are only ever added: triggers (`append_only`) say so in the database."""

from collections.abc import Iterable
from typing import Any, NoReturn

from django.db import models
from django.utils import timezone

from jobs.domain.errors import TallyError
from jobs.models.ids import uuid7


class AppendOnly(TallyError):
    code = "append_only"

    def __init__(self) -> None:
        super().__init__("The audit trail is append-only: what was done is never changed or deleted.")


class ActionQuerySet(models.QuerySet["Action"]):
    def update(self, **_values: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly

    def bulk_update(self, objs: Iterable["Action"], fields: Iterable[str], batch_size: int | None = None) -> NoReturn:
        raise AppendOnly

    def bulk_create(self, objs: Iterable["Action"], *args: Any, **options: Any) -> list["Action"]:
        if options.get("update_conflicts"):
            raise AppendOnly
        return super().bulk_create(objs, *args, **options)

    def update_or_create(self, *_args: Any, **_options: Any) -> NoReturn:
        raise AppendOnly


class Action(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=150)
    verb = models.CharField(max_length=32)
    object = models.CharField(max_length=100, help_text="kind:id, as in job:0192…")
    reason = models.CharField(max_length=500, blank=True, default="")
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(max_length=64, blank=True, default="")
    source_address = models.CharField(
        max_length=64, blank=True, default="", help_text="Whence: the peer of the request, or the machine of a command."
    )

    objects: models.Manager["Action"] = ActionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["object", "-id"], name="action_object"),
            models.Index(fields=["actor", "-id"], name="action_actor"),
            models.Index(fields=["verb", "-id"], name="action_verb"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.object}"

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **{**options, "force_insert": True})

    def delete(self, *_args: Any, **_options: Any) -> NoReturn:
        raise AppendOnly
