"""What the verbs on letters, groups and operations take."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from dlq.filters import IDS_MAX
from dlq.models import Verb
from dlq.triage import NOTE_MAX_CHARACTERS
from jobs.api.reasons import Text

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_Reason = Annotated[Text, Field(min_length=1, pattern=r"\S")]


class RequeueBody(BaseModel):
    """Why, and perhaps with what instead."""

    model_config = _STRICT

    reason: _Reason
    payload: Annotated[dict[str, Any] | None, Field(description="In place of the job's own.")] = None


class FilterBody(BaseModel):
    """Which open letters; empty means all of them."""

    model_config = _STRICT

    resolution: Literal["open"] | None = None
    task_type: Annotated[str, Field(max_length=255)] | None = None
    priority: Annotated[str, Field(max_length=64)] | None = None
    fingerprint: Annotated[str, Field(max_length=32)] | None = None
    reason: Annotated[str, Field(max_length=16)] | None = None
    since: Annotated[AwareDatetime, Field(strict=False)] | None = None
    ids: Annotated[list[Annotated[str, Field(max_length=36)]], Field(max_length=IDS_MAX)] | None = None


class OperationBody(BaseModel):
    model_config = _STRICT

    verb: Annotated[Literal["requeue", "discard"], Field(description=" or ".join(Verb.values))]
    filter: FilterBody
    reason: Annotated[Text, Field(description="Needed unless dry_run.")] = ""
    rate_per_second: float | None = None
    canary: int = 0
    stop_above_percent: float | None = None
    dry_run: bool = False


class MuteBody(BaseModel):
    """Until a date, until so many more deaths, or whichever comes first."""

    model_config = _STRICT

    reason: _Reason
    until: Annotated[AwareDatetime, Field(strict=False)] | None = None
    deaths: int | None = None


class AssignBody(BaseModel):
    model_config = _STRICT

    assignee: Annotated[str, Field(max_length=150, description="Empty: nobody.")]


class NoteBody(BaseModel):
    model_config = _STRICT

    text: Annotated[str, Field(min_length=1, max_length=NOTE_MAX_CHARACTERS)]
