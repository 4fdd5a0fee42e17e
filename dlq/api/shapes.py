"""How letters, groups and operations look in answers. Error texts and payloads are for who may see them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from dlq.counting import WINDOWS
from dlq.models import DeadLetter, OperationState, Resolution, Triage, Verb
from dlq.queries import GroupRow
from jobs.api.shown import HidingSerializer, Redacted, TextOrNull
from jobs.domain.states import Burial


class LetterShape(HidingSerializer):
    hidden = ("error", "traceback", "payload", "args", "payload_diff")

    id = serializers.UUIDField()
    task_id = serializers.UUIDField(source="job_id")
    task_type = serializers.CharField(source="task")
    priority = serializers.CharField(source="queue")
    reason = serializers.ChoiceField(choices=[(burial.value, burial.value) for burial in Burial])
    error = TextOrNull()
    error_type = TextOrNull()
    traceback = TextOrNull()
    fingerprint = serializers.CharField()
    payload = Redacted(allow_null=True, help_text="As it was when the job died.")
    args = Redacted(allow_null=True, help_text="Arguments without a name.")
    attempts = serializers.IntegerField()
    resolution = serializers.ChoiceField(choices=Resolution.choices)
    resolved_by = TextOrNull()
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolution_reason = TextOrNull()
    payload_diff = Redacted(allow_null=True, help_text="Of an edited requeue: field → what it was and became.")
    died_again_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: DeadLetter) -> dict[str, Any]:
        shown = super().to_representation(instance)
        shown["payload_diff"] = shown["payload_diff"] or None
        return shown


class RequeuedShape(LetterShape):
    status = serializers.CharField()


class CountsShape(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {name: serializers.IntegerField() for name in WINDOWS}


class GroupShape(serializers.Serializer[Any]):
    """Without `jobs.view_payload` the title is the kind of error alone."""

    fingerprint = serializers.CharField(source="group.fingerprint")
    title = serializers.SerializerMethodField()
    error_type = TextOrNull(source="group.error_type")
    task_types = serializers.ListField(child=serializers.CharField(), source="group.tasks")
    state = serializers.ChoiceField(choices=Triage.choices, source="group.state")
    first_seen = serializers.DateTimeField(source="group.first_seen")
    last_seen = serializers.DateTimeField(source="group.last_seen")
    open = serializers.IntegerField(source="group.open")
    counts = serializers.SerializerMethodField()
    died_again = serializers.IntegerField(source="group.died_again")
    total = serializers.IntegerField(source="group.total")
    priorities = serializers.ListField(child=serializers.CharField(), source="group.queues")
    state_since = serializers.DateTimeField(source="group.state_since")
    state_by = TextOrNull(source="group.state_by")
    state_reason = TextOrNull(source="group.state_reason")
    muted_until = serializers.DateTimeField(source="group.muted_until", allow_null=True)
    assignee = TextOrNull(source="group.assignee")
    runbook = TextOrNull()

    def get_title(self, row: GroupRow) -> str:
        if self.context["actor"].may("jobs.view_payload"):
            return row.group.title
        return row.group.error_type.rsplit(".", 1)[-1]

    @extend_schema_field(CountsShape)
    def get_counts(self, row: GroupRow) -> dict[str, int]:
        return row.counts


class NoteShape(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    author = serializers.CharField()
    text = serializers.CharField()


class GroupDetailShape(GroupShape):
    hours = serializers.ListField(child=serializers.IntegerField(), help_text="Deaths per hour, the last 24.")
    notes = serializers.SerializerMethodField()

    @extend_schema_field(NoteShape(many=True))
    def get_notes(self, row: GroupRow) -> list[dict[str, Any]]:
        """What people wrote may quote the error."""
        if not self.context["actor"].may("jobs.view_payload"):
            return []
        return [dict(note) for note in NoteShape(row.group.notes.all()[:100], many=True).data]


class OperationShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    verb = serializers.ChoiceField(choices=Verb.choices)
    state = serializers.ChoiceField(choices=OperationState.choices)
    filter = serializers.JSONField()
    matched = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    succeeded = serializers.IntegerField(help_text="Of those done, the jobs that have succeeded since.")
    died_again = serializers.IntegerField()
    canary = serializers.IntegerField()
    rate_per_second = serializers.FloatField()
    stop_above_percent = serializers.FloatField()
    stopped_because = TextOrNull()
    reason = serializers.CharField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class PreviewShape(serializers.Serializer[Any]):
    matched = serializers.IntegerField()
    by_task_type = serializers.DictField(child=serializers.IntegerField(), source="by_task")
    by_group = serializers.DictField(child=serializers.IntegerField(), help_text="By fingerprint.")
    sample = LetterShape(many=True)
    seconds_at_rate = serializers.FloatField()
