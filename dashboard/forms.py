"""The form of one task, made from its payload schema: each property one field, filled in with the task's example."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs import conf
from jobs.domain.errors import TallyError
from jobs.intake.drafts import Draft
from jobs.intake.registry import TaskSpec

REPEAT_MAX = 1_000
TYPED_ABOVE = 1_000


class FormInvalid(TallyError):
    """A field can't be read; `field` says which."""

    code = "form_invalid"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field, self.message = field, message


@dataclass(frozen=True, slots=True)
class Field:
    """`kind`: text, long, number, integer, boolean, choice, or json for everything else."""

    name: str
    kind: str
    value: str
    is_required: bool
    choices: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    draft: Draft
    repeat: int


def fields_of(spec: TaskSpec, *, given: Mapping[str, str] | None = None) -> list[Field]:
    schema = spec.schema.json_schema()
    example, required = spec.options.example or {}, set(schema.get("required", []))
    fields = [
        _field(name, _simple(described), example.get(name, described.get("default")), name in required)
        for name, described in schema.get("properties", {}).items()
    ]
    if spec.schema.takes_anything:
        rest = {name: value for name, value in example.items() if name not in schema.get("properties", {})}
        fields.append(
            Field("*", "json", json.dumps(rest, indent=2), False, hint="Any other arguments, as a JSON object.")
        )
    if given is None:
        return fields
    return [_with(field, given.get(f"field-{field.name}", "")) for field in fields]


def read(spec: TaskSpec, given: Mapping[str, str]) -> Wanted:
    payload: dict[str, Any] = {}
    for field in fields_of(spec):
        text = given.get(f"field-{field.name}", "")
        if field.name == "*":
            payload.update(_object(text))
        elif field.is_required or text.strip():
            payload[field.name] = _read(field, text)
    delay = given.get("delay_seconds", "").strip()
    draft = Draft(
        task=spec.name,
        payload=payload,
        queue=given.get("queue") or None,
        delay_seconds=_number("delay_seconds", delay) if delay else None,
        tags=[tag.strip() for tag in given.get("tags", "").split(",") if tag.strip()],
    )
    return Wanted(draft, _repeat(given.get("repeat", "1")))


def whole(name: str, text: str) -> int:
    """Empty means none."""
    return _integer(name, text) if text.strip() else 0


def number(name: str, text: str) -> float | None:
    """Empty means: as it is by default."""
    return float(_number(name, text)) if text.strip() else None


def needs_typing(verb: str, count: int) -> bool:
    """What can't be taken back, or touches very many, is confirmed by typing the verb."""
    return verb == "discard" or count > TYPED_ABOVE


def check_typed(verb: str, count: int, typed: str) -> None:
    if needs_typing(verb, count) and typed.strip().lower() != verb:
        raise FormInvalid("confirmation", f"Nothing was changed. Type {verb} to confirm.")


def queues_of(spec: TaskSpec) -> list[tuple[str, bool]]:
    return [(name, name == spec.options.queue) for name in conf.current().QUEUES]


def _field(name: str, described: dict[str, Any], value: Any, is_required: bool) -> Field:
    kinds = {"string": "text", "number": "number", "integer": "integer", "boolean": "boolean"}
    kind = kinds.get(described.get("type", ""), "json")
    choices = tuple(map(str, described.get("enum", ()))) if kind == "text" else ()
    if choices:
        kind = "choice"
    if kind == "json":
        shown = "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)
    elif kind == "boolean":
        shown = "true" if value else "false"
    else:
        shown = "" if value is None else str(value)
    return Field(name, "long" if kind == "text" and name in ("body", "text") else kind, shown, is_required, choices,
                 described.get("description", ""))  # fmt: skip


def _simple(described: dict[str, Any]) -> dict[str, Any]:
    """`X | None` is shown as X: an empty field means nothing was given."""
    options = [one for one in described.get("anyOf", []) if one.get("type") != "null"]
    return {**described, **options[0]} if len(options) == 1 else described


def _with(field: Field, value: str) -> Field:
    return Field(field.name, field.kind, value, field.is_required, field.choices, field.hint)


def _read(field: Field, text: str) -> Any:
    match field.kind:
        case "integer":
            return _integer(field.name, text)
        case "number":
            return _number(field.name, text)
        case "boolean":
            return text == "true"
        case "json":
            return _json(field.name, text)
        case _:
            return text


def _integer(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise FormInvalid(name, "Give a whole number.") from None


def _number(name: str, text: str) -> float | int:
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        raise FormInvalid(name, "Give a number.") from None


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise FormInvalid(name, 'This is no JSON. Text stands in quotes: "like this".') from None


def _object(text: str) -> dict[str, Any]:
    found = _json("payload", text) if text.strip() else {}
    if not isinstance(found, dict):
        raise FormInvalid("payload", 'Give a JSON object, such as {"name": "value"}.')
    return found


def _repeat(text: str) -> int:
    count = _integer("repeat", text or "1")
    if not 1 <= count <= REPEAT_MAX:
        raise FormInvalid("repeat", f"Give a number from 1 to {REPEAT_MAX}.")
    return count
