"""Makes a row's object from the values of its columns. `Model.__init__` would ask each of its fields, one by one."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

from django.db.models import Model
from django.db.models.base import ModelState
from django.db.models.fields import Field

M = TypeVar("M", bound=Model)


@cache
def blank(model: type[Model]) -> dict[str, Any]:
    """A new row's columns where nothing is given, to be read alone. What is each row's own, as an id is, is None."""
    fields = model._meta.concrete_fields
    row = model(**{field.attname: None for field in fields if _is_each_rows_own(field)})
    return {field.attname: getattr(row, field.attname) for field in fields}


def _is_each_rows_own(field: "Field[Any, Any]") -> bool:
    return field.has_default() and callable(field.default) and field.default not in {dict, list}


def new(model: type[M], given: Mapping[str, Any], **related: Model) -> M:
    """One that is not stored yet. `related`: the objects that its foreign keys lead to."""
    row, state = model.__new__(model), ModelState()
    vars(row).update(blank(model), _state=state, **given)
    if related:
        state.fields_cache = related
    return row


def stored(model: type[M], columns: Iterable[tuple[str, Any]], *, using: str) -> M:
    """One that was read. A column that was left out is read when somebody asks for it, as Django does."""
    row, state = model.__new__(model), ModelState()
    state.adding, state.db = False, using
    vars(row).update(columns, _state=state)
    return row
