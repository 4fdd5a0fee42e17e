"""What is shown of jobs: secrets redacted, and nothing of payloads, results and errors to who may not see them."""

from typing import Any, ClassVar

from rest_framework import serializers

from jobs import conf
from jobs.domain import redaction
from jobs.domain.actors import Actor


def redacted(value: Any) -> Any:
    return redaction.redact(value, pattern=conf.current().SECRET_KEYS)


class HidingSerializer(serializers.Serializer[Any]):
    """Fields in `hidden` are null without `jobs.view_payload`. Needs the actor in its context."""

    hidden: ClassVar[tuple[str, ...]] = ()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        actor: Actor = self.context["actor"]
        if not actor.may("jobs.view_payload"):
            shown.update(dict.fromkeys(set(self.hidden) & shown.keys()))
        return shown


class TextOrNull(serializers.CharField):
    """An empty text is told as null."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, read_only=True, **options)

    def to_representation(self, value: Any) -> str | None:  # type: ignore[override]
        return str(value) if value else None


class Redacted(serializers.JSONField):
    def __init__(self, **options: Any) -> None:
        options.pop("allow_null", None)  # any JSON value may be null; said twice, it would match two schemas
        super().__init__(read_only=True, **options)

    def to_representation(self, value: Any) -> Any:
        return redacted(value)
