"""One table from an error to its HTTP status, and the words in which it is told: always JSON, never a stack trace."""

import logging
from typing import Any

from django.db import InterfaceError, OperationalError
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from jobs.broker import connections
from jobs.control.actions import ReasonInvalid
from jobs.control.cancelling import JobUnknown
from jobs.domain.errors import FieldInvalid, NotAllowed, NotThere, StateConflict, TallyError
from jobs.intake import storable
from jobs.intake.drafts import DraftInvalid
from jobs.intake.idempotency import IdempotencyConflict
from jobs.intake.registry import UnknownQueue, UnknownTask
from jobs.intake.schema import PayloadInvalid
from jobs.intake.storable import TooLarge

logger = logging.getLogger(__name__)

# A subclass answers as its nearest ancestor does; everything else that is ours is the caller's mistake, 400.
STATUS: dict[type[BaseException], int] = {
    NotAllowed: status.HTTP_403_FORBIDDEN,
    JobUnknown: status.HTTP_404_NOT_FOUND,
    NotThere: status.HTTP_404_NOT_FOUND,
    StateConflict: status.HTTP_409_CONFLICT,
    TooLarge: status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    IdempotencyConflict: status.HTTP_422_UNPROCESSABLE_ENTITY,
    TallyError: status.HTTP_400_BAD_REQUEST,
}

# The field of a submission that an error is about, where the error doesn't say it itself.
_FIELD: dict[type[BaseException], str] = {
    UnknownTask: "task_type",
    UnknownQueue: "priority",
    ReasonInvalid: "reason",
}
_RETRY_AFTER_SECONDS = "2"
_DatabaseAway = (OperationalError, InterfaceError)


class ContentTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class PartAway(APIException):
    """Something this answer is made of can't be reached now."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """What DRF calls for every exception in a view; None: a defect of ours, which becomes a 500."""
    if isinstance(error, TallyError):
        is_bulk = getattr(context.get("view"), "is_bulk", False)
        return _respond(status_of(error), tell(error, place=error.place if is_bulk else None))
    if isinstance(error, _DatabaseAway):
        logger.warning("The database did not answer a request: %s", error)
        return _respond(503, {"detail": "The database can't be reached now. Nothing was changed: try again."})
    if isinstance(error, connections.Unavailable):
        return _respond(503, {"detail": "Redis can't be reached now: try again."})
    response = exception_handler(error, context)
    if response is not None:
        response.data = storable.mend(response.data)
    return response


def status_of(error: TallyError) -> int:
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def tell(error: TallyError, *, place: int | None = None) -> dict[str, Any]:
    """`{"field": ["…"]}` when the error is about a field, else `{"detail": "…"}`; one of several drafts by its index."""
    field, messages = _split(error)
    if place is not None:
        return {"tasks": [f"Task {place}: {field + ': ' if field else ''}{message}" for message in messages]}
    return {field: messages} if field else {"detail": messages[0]}


def _split(error: TallyError) -> tuple[str, list[str]]:
    match error:
        case DraftInvalid() | FieldInvalid():
            return error.field, [error.message]
        case PayloadInvalid():
            return "payload", [f"{name}: {text}" for name, texts in error.fields.items() for text in texts]
        case _:
            return _FIELD.get(type(error), ""), [str(error)]


def _respond(code: int, data: dict[str, Any]) -> Response:
    set_rollback()
    headers = {"Retry-After": _RETRY_AFTER_SECONDS} if code == 503 else {}
    return Response(storable.mend(data), status=code, headers=headers)
