"""Cancelling a task: the wish is made at once, then the answer waits a little for what becomes of it."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import conf
from jobs.api.reasons import Reason, read_reason
from jobs.api.views import ApiView
from jobs.control import cancelling
from jobs.control.cancelling import Cancelling
from jobs.domain.errors import StateConflict
from jobs.domain.states import FINAL, State
from jobs.models import Job

_LOOK_EVERY_SECONDS = 0.04
# A waiting job whose claim is won never starts, whether or not the keeper has recorded it.
_RECORDED_WITHIN_SECONDS = 0.5


class CancelShape(serializers.Serializer[Any]):
    task_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=[(c.value, c.value) for c in Cancelling])


class Cancel(ApiView):
    needs = "jobs.cancel_job"

    @extend_schema(
        operation_id="cancel_task",
        summary="Cancel a task",
        request=Reason,
        responses={200: CancelShape, 202: CancelShape},
    )
    def delete(self, request: Request, task_id: UUID) -> Response:
        reason = read_reason(request.data, required=False)
        wished = cancelling.cancel(task_id, actor=self.actor, reason=reason)
        status = settle(wished)
        code = 200 if status is Cancelling.REVOKED else 202
        return Response({"task_id": str(task_id), "status": status.value}, status=code)


def settle(wished: cancelling.Answer) -> Cancelling:
    """What has become of the wish after a moment. A job that ended otherwise meanwhile is a conflict, like any final one."""
    is_won = wished.status is Cancelling.REVOKED
    seconds = _RECORDED_WITHIN_SECONDS if is_won else conf.current().CANCEL_WAIT_SECONDS
    state = _wait_for_end(wished.job.id, seconds=seconds)
    if state not in FINAL:
        return wished.status
    if state != State.CANCELLED:
        raise StateConflict(f"Job {wished.job.id} was faster: it is {state}.")
    return Cancelling.REVOKED


def _wait_for_end(job_id: UUID, *, seconds: float, sleep: Callable[[float], None] = time.sleep) -> str:
    give_up_at = time.monotonic() + seconds
    while True:
        state = Job.objects.values_list("state", flat=True).get(id=job_id)
        if state in FINAL or time.monotonic() >= give_up_at:
            return state
        sleep(_LOOK_EVERY_SECONDS)
