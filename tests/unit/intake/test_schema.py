"""What a task takes, read from its signature, and what is said to whoever calls it wrong."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from jobs.intake.schema import PayloadInvalid, PayloadSchema
from tests.support import called_tasks
from tests.support.called_tasks import Opaque


def schema(task: Any) -> PayloadSchema:
    return PayloadSchema.of(task.run, name=task.name)


def fields_refused(task: Any, **payload: Any) -> dict[str, list[str]]:
    with pytest.raises(PayloadInvalid) as refused:
        schema(task).validate([], payload)
    return refused.value.fields


def test_a_fitting_payload_is_accepted() -> None:
    schema(called_tasks.typed).validate([], {"count": 1, "name": "n", "ratio": 2, "kind": "b", "note": None})


def test_a_missing_argument_is_named() -> None:
    assert fields_refused(called_tasks.typed, count=1) == {"name": ["This field is required."]}


def test_an_argument_too_many_is_named() -> None:
    refused = fields_refused(called_tasks.typed, count=1, name="n", colour="red")
    assert refused == {"colour": ["The task takes no such argument."]}


def test_every_wrong_field_is_named_at_once() -> None:
    assert set(fields_refused(called_tasks.typed, count="1", name=2, kind="c")) == {"count", "name", "kind"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("count", "1"), ("count", 1.5), ("count", True), ("count", None), ("name", 1), ("ratio", "2"), ("kind", "z")],
)
def test_types_are_taken_strictly(name: str, value: Any) -> None:
    assert set(fields_refused(called_tasks.typed, **({"count": 1, "name": "n"} | {name: value}))) == {name}


def test_defaults_need_not_be_given() -> None:
    schema(called_tasks.typed).validate([], {"count": 1, "name": "n"})


def test_dates_and_the_like_are_taken_as_objects_and_as_text() -> None:
    objects = {"at": datetime.now(UTC), "day": date(2026, 1, 1), "amount": Decimal("1.50"), "ref": UUID(int=7)}
    schema(called_tasks.dated).validate([], objects)
    texts = {"at": "2026-01-01T00:00:00Z", "day": "2026-01-01", "amount": "1.50", "ref": str(UUID(int=7))}
    schema(called_tasks.dated).validate([], texts)
    assert set(fields_refused(called_tasks.dated, **texts | {"day": "tomorrow"})) == {"day"}


def test_without_annotations_only_the_names_count() -> None:
    schema(called_tasks.untyped).validate([], {"a": object.__name__})
    assert fields_refused(called_tasks.untyped, b=1) == {"a": ["This field is required."]}


def test_annotations_nobody_can_validate_take_anything() -> None:
    schema(called_tasks.opaque).validate([], {"thing": {"any": "thing"}, "missing": 1})
    assert schema(called_tasks.opaque).json_schema()["required"] == ["thing", "missing"]


def test_positional_arguments_get_their_names() -> None:
    named = schema(called_tasks.typed).name_arguments([1, "n"], {"ratio": 3.0})
    assert named == ([], {"count": 1, "name": "n", "ratio": 3.0})


def test_too_many_positional_arguments_are_refused() -> None:
    with pytest.raises(PayloadInvalid, match="Takes 2 positional"):
        schema(called_tasks.typed).name_arguments([1, "n", 2.0], {})


def test_an_argument_given_twice_is_refused() -> None:
    with pytest.raises(PayloadInvalid, match="count: Given twice"):
        schema(called_tasks.typed).name_arguments([1], {"count": 2, "name": "n"})


def test_what_has_no_name_stays_positional() -> None:
    variadic = schema(called_tasks.variadic)
    assert variadic.name_arguments([1, 2, 3], {"k": "v"}) == ([1, 2, 3], {"k": "v"})
    variadic.validate([1, 2, 3], {"k": "v"})
    with pytest.raises(PayloadInvalid, match="first"):
        variadic.validate([1], {"first": 2})


def test_positional_only_arguments_can_be_called() -> None:
    positional = schema(called_tasks.positional_only)
    assert positional.name_arguments([1], {}) == ([1], {})
    positional.validate([1], {"second": 2})


def test_a_bound_task_is_not_asked_for_itself() -> None:
    assert schema(called_tasks.bound).name_arguments([5], {}) == ([], {"x": 5})
    assert list(schema(called_tasks.plain_bound).signature.parameters) == ["x"]


def test_a_task_with_autoretry_shows_the_arguments_of_its_function() -> None:
    assert list(schema(called_tasks.backing_off).signature.parameters) == ["x"]
    assert fields_refused(called_tasks.backing_off, x="no")


def test_names_pydantic_reserves_can_be_arguments() -> None:
    odd = schema(called_tasks.odd_names)
    odd.validate([], {"_hidden": 1, "model_config": "m", "json": "j"})
    assert set(fields_refused(called_tasks.odd_names, _hidden="x", model_config=1, json=2)) == {
        "_hidden",
        "model_config",
        "json",
    }
    assert set(odd.json_schema()["properties"]) == {"_hidden", "model_config", "json", "run_at"}


def test_the_json_schema_tells_types_defaults_and_what_is_required() -> None:
    described = schema(called_tasks.typed).json_schema()
    assert described["title"] == "typed"
    assert described["required"] == ["count", "name"]
    assert described["properties"]["count"]["type"] == "integer"
    assert described["properties"]["kind"]["enum"] == ["a", "b"]
    assert described["additionalProperties"] is False


def _with_default(default: Any) -> Callable[..., None]:
    def function(thing: Any = default) -> None: ...

    return function


def test_a_default_no_schema_can_show_does_no_harm() -> None:
    assert PayloadSchema.of(_with_default(Opaque()), name="x").json_schema()["type"] == "object"


@pytest.mark.parametrize("value", [{1, 2}, 1 + 2j, object(), Opaque()])
def test_what_is_no_json_is_refused_by_name_not_by_a_crash(value: Any) -> None:
    assert set(fields_refused(called_tasks.untyped, a=value)) == {"a"}


@pytest.mark.parametrize("value", [b"text", b"\xff\xfe"])
def test_bytes_are_taken_as_celery_sends_them(value: bytes) -> None:
    schema(called_tasks.untyped).validate([], {"a": value})
