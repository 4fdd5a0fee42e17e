"""The body of an operator's verb: why."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from rest_framework.exceptions import ValidationError as Refused

from jobs.api.submission_bodies import checked
from jobs.control.actions import REASON_MAX_CHARACTERS

Text = Annotated[str, Field(max_length=REASON_MAX_CHARACTERS)]


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Text = ""


class RequiredReason(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Annotated[Text, Field(min_length=1)]


def read_reason(body: Any, *, required: bool = True) -> str:
    wanted = checked(RequiredReason, body) if required else checked(Reason, body)
    given = wanted.reason.strip()
    if required and not given:
        raise Refused({"reason": ["Say why: the reason is recorded."]})
    return given
