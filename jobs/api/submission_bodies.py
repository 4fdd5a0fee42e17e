"""The bodies of submissions: checked field by field, and turned into drafts. What a task itself takes is checked later."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from django.utils import timezone
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from rest_framework.exceptions import ValidationError as Refused

from jobs import conf
from jobs.intake.drafts import CORRELATION_MAX_CHARACTERS, TAG_MAX_CHARACTERS, TAGS_MAX, Draft

Body = TypeVar("Body", bound=BaseModel)

SHORT_FORM_TASK = "heavy_task"


def _text(value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        raise ValueError("Give a time as ISO 8601 text with its zone, as in 2030-01-31T12:00:00Z")
    return value


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("That is beyond the end of the calendar") from None


def _not_celerys(name: str) -> str:
    """What Celery builds its workflows of is no task for strangers; nor is it listed among the task types."""
    if name.startswith("celery."):
        raise ValueError(f"No task is called {name!r}. GET /api/task-types names them all")
    return name


def _not_past(moment: datetime) -> datetime:
    if moment <= timezone.now():
        raise ValueError("That has passed already: the task would never run")
    return moment


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text), AfterValidator(_in_utc)]


class Submission(BaseModel):
    """One task to run."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    task_type: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_not_celerys)]
    payload: dict[str, Any]
    priority: Annotated[str | None, Field(description="A queue; without it, the task's own.")] = None
    delay_seconds: Annotated[float | None, Field(ge=0, le=3_155_760_000)] = None
    run_at: Annotated[Moment | None, Field(description="Not together with delay_seconds; a past one means now.")] = None
    expires_at: Annotated[Moment, AfterValidator(_not_past)] | None = None
    max_retries: Annotated[int | None, Field(ge=0, le=32_767)] = None
    tags: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=TAG_MAX_CHARACTERS)]] | None, Field(max_length=TAGS_MAX)
    ] = None
    correlation_id: Annotated[str | None, Field(max_length=CORRELATION_MAX_CHARACTERS)] = None


class BulkSubmission(BaseModel):
    """Many tasks, all or none."""

    model_config = ConfigDict(extra="forbid", strict=True)

    tasks: Annotated[list[Submission], Field(min_length=1, max_length=10_000)]


class ShortSubmission(BaseModel):
    """What heavy_task works on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    data: str


def read_one(body: Any, *, key: str | None) -> Draft:
    _check_key(key)
    return _draft(checked(Submission, body), key=key or "", request_hash=_hash(body) if key else "")


def read_many(body: Any, *, key: str | None) -> list[Draft]:
    """One key stands for the whole body: each task gets a key made of it and its place."""
    _require_object(body)
    _check_key(key)
    items = _items(body)
    request_hash = _hash(body) if key else ""
    base = hashlib.sha256(key.encode()).hexdigest() if key else ""
    drafts = []
    for place, item in enumerate(items):
        try:
            given = Submission.model_validate(item)
            drafts.append(_draft(given, key=f"bulk:{base}:{place}" if key else "", request_hash=request_hash))
        except ValidationError as error:
            raise Refused({"tasks": _of_item(place, error)}) from None
    return drafts


def read_short(body: Any, *, key: str | None) -> Draft:
    _check_key(key)
    given = checked(ShortSubmission, body)
    return Draft(
        task=SHORT_FORM_TASK,
        payload={"data": given.data},
        idempotency_key=key or "",
        request_hash=_hash(body) if key else "",
    )


def checked(kind: type[Body], body: Any) -> Body:
    """The body as this kind, or a 400 that names each wrong field."""
    _require_object(body)
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise Refused(_by_field(error)) from None


def _draft(given: Submission, *, key: str, request_hash: str) -> Draft:
    return Draft(
        task=given.task_type,
        payload=given.payload,
        queue=given.priority,
        delay_seconds=given.delay_seconds,
        run_at=given.run_at,
        expires_at=given.expires_at,
        max_retries=-1 if given.max_retries is None else given.max_retries,
        tags=given.tags or (),
        correlation_id=given.correlation_id or "",
        idempotency_key=key,
        request_hash=request_hash,
    )


def _items(body: dict[str, Any]) -> list[Any]:
    """The list, before its tasks are looked at: so that 10 001 bad ones cost nothing."""
    unknown = sorted(set(body) - {"tasks"})
    if unknown:
        raise Refused({name: ["There is no such field."] for name in unknown})
    items, limit = body.get("tasks"), conf.current().BULK_MAX_TASKS
    if not isinstance(items, list):
        raise Refused({"tasks": ["Give a list of tasks."]})
    if not 1 <= len(items) <= limit:
        raise Refused({"tasks": [f"Give 1 to {limit:,} tasks; these are {len(items):,}."]})
    return items


def _require_object(body: Any) -> None:
    if not isinstance(body, dict):
        raise Refused({"detail": "Give a JSON object."})


def _check_key(key: str | None) -> None:
    if key is not None and not (1 <= len(key) <= 200 and key.isascii() and key.isprintable()):
        raise Refused({"Idempotency-Key": ["Give 1 to 200 printable ASCII characters."]})


def _hash(body: Any) -> str:
    """Equal for bodies that are equal as JSON values: order, spacing and 1.0 for 1 make no difference."""
    return hashlib.sha256(json.dumps(_canonical(body), sort_keys=True).encode()).hexdigest()


def _canonical(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _canonical(item) for key, item in value.items()}
        case list():
            return [_canonical(item) for item in value]
        case _:
            return value


def _of_item(place: int, error: ValidationError) -> list[str]:
    return [f"Task {place}: {field}: {text}" for field, texts in _by_field(error).items() for text in texts]


def _by_field(error: ValidationError) -> dict[str, list[str]]:
    """The first part of the path is the field; the rest goes into the sentence."""
    found: dict[str, list[str]] = {}
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        field, *rest = [str(part) for part in problem["loc"]] or ["non_field_errors"]
        where = f"{'.'.join(rest)}: " if rest else ""
        found.setdefault(field, []).append(f"{where}{_sentence(problem['type'], problem['msg'])}")
    return found


def _sentence(kind: str, message: str) -> str:
    match kind:
        case "missing":
            return "This field is required."
        case "extra_forbidden":
            return "There is no such field."
        case _:
            text = message.removeprefix("Value error, ")
            return text if text.endswith(".") else f"{text}."
