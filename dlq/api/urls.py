"""The paths under /api/dlq."""

from django.urls import register_converter

from dlq.api import groups, letters, operations
from jobs.api.urls import both


class FingerprintConverter:
    regex = "[0-9a-f]{32}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: object) -> str:
        return str(value)


register_converter(FingerprintConverter, "fingerprint")

_GROUP = "dlq/groups/<fingerprint:fingerprint>"
_OPERATION = "dlq/operations/<jobid:operation_id>"

app_name = "dlq_api"
urlpatterns = [
    *both("dlq", letters.LetterList.as_view(), name="letters"),
    *both("dlq/<jobid:letter_id>", letters.LetterDetail.as_view(), name="letter"),
    *both("dlq/<jobid:letter_id>/requeue", letters.Requeue.as_view(), name="requeue"),
    *both("dlq/<jobid:letter_id>/discard", letters.Discard.as_view(), name="discard"),
    *both("dlq/groups", groups.GroupList.as_view(), name="groups"),
    *both(_GROUP, groups.GroupDetail.as_view(), name="group"),
    *both(f"{_GROUP}/acknowledge", groups.Acknowledge.as_view(), name="acknowledge"),
    *both(f"{_GROUP}/resolve", groups.Resolve.as_view(), name="resolve"),
    *both(f"{_GROUP}/reopen", groups.Reopen.as_view(), name="reopen"),
    *both(f"{_GROUP}/mute", groups.Mute.as_view(), name="mute"),
    *both(f"{_GROUP}/assign", groups.Assign.as_view(), name="assign"),
    *both(f"{_GROUP}/notes", groups.WriteNote.as_view(), name="notes"),
    *both("dlq/operations", operations.OperationList.as_view(), name="operations"),
    *both(_OPERATION, operations.OperationDetail.as_view(), name="operation"),
    *both(f"{_OPERATION}/cancel", operations.OperationCancel.as_view(), name="cancel-operation"),
    *both(f"{_OPERATION}/report", operations.OperationReport.as_view(), name="report-operation"),
]
