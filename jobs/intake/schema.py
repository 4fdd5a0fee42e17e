"""What a task takes, read from its signature: names the arguments of a call and validates them with pydantic."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_type_hints

from django.core.serializers.json import DjangoJSONEncoder
from kombu.utils.json import JSONEncoder as KombuEncoder
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticUserError

from jobs.domain.errors import TallyError

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_Unusable = (PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticUserError, TypeError)


class PayloadInvalid(TallyError):
    """The arguments do not fit the task; `fields` says which and why."""

    code = "payload_invalid"

    def __init__(self, task: str, fields: Mapping[str, Sequence[str]]) -> None:
        what = "; ".join(f"{name}: {' '.join(messages)}" for name, messages in fields.items())
        super().__init__(f"The arguments of {task} are wrong: {what}")
        self.fields = {name: list(messages) for name, messages in fields.items()}


@dataclass(frozen=True)
class PayloadSchema:
    task: str
    signature: inspect.Signature
    hints: dict[str, Any]

    @classmethod
    def of(cls, function: Callable[..., Any], *, name: str) -> "PayloadSchema":
        try:
            hints = get_type_hints(inspect.unwrap(function), include_extras=True)
        except (NameError, TypeError, AttributeError):
            hints = {}
        return cls(task=name, signature=inspect.signature(function), hints=hints)

    @cached_property
    def takes_anything(self) -> bool:
        return any(p.kind is p.VAR_KEYWORD for p in self.signature.parameters.values())

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(self.signature.parameters)

    @cached_property
    def model(self) -> type[BaseModel]:
        fields: dict[str, Any] = {}
        for name, parameter in self.signature.parameters.items():
            if parameter.kind in _NAMED:
                fields[name] = (_usable(self.hints.get(name, Any)), parameter.default)
        return create_model("Payload", __config__=_config(extra=self.takes_anything), **_aliased(fields))

    def json_schema(self) -> dict[str, Any]:
        try:
            schema = self.model.model_json_schema(by_alias=True)
        except (*_Unusable, ValueError):
            schema = {"type": "object", "additionalProperties": self.takes_anything}
        return {**schema, "title": self.task}

    def name_arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Give positional arguments their names, where they have one that is enough to call by."""
        if not args:
            return [], dict(kwargs)
        parameters = list(self.signature.parameters.values())
        if any(p.kind in (p.VAR_POSITIONAL, p.POSITIONAL_ONLY) for p in parameters):
            return list(args), dict(kwargs)
        positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        if len(args) > len(positional):
            self._refuse("args", f"Takes {len(positional)} positional argument(s), {len(args)} were given.")
        named = dict(zip(positional, args, strict=False))
        twice = sorted(set(named) & set(kwargs))
        if twice:
            self._refuse(twice[0], "Given twice, by position and by name.")
        return [], {**named, **kwargs}

    def validate(self, args: Sequence[Any], payload: Mapping[str, Any]) -> None:
        """Raise PayloadInvalid unless the task can be called like this. Strict: "1" is no number; dates are ISO text."""
        if args:
            try:
                self.signature.bind(*args, **payload)
            except TypeError as error:
                self._refuse("args", str(error))
            return
        text = self._written(payload)
        try:
            self.model.__pydantic_validator__.validate_json(text, strict=True)
        except ValidationError as error:
            raise PayloadInvalid(self.task, _by_field(error)) from None

    def _written(self, payload: Mapping[str, Any]) -> str:
        try:
            return _JSON.encode(payload)
        except (TypeError, ValueError):
            for name, value in payload.items():
                try:
                    _JSON.encode(value)
                except (TypeError, ValueError) as error:
                    self._refuse(name, f"{error}.")
            raise

    def _refuse(self, field: str, message: str) -> None:
        raise PayloadInvalid(self.task, {field: [message]})


class _Encoder(DjangoJSONEncoder):
    """Dates as Django writes them; what only kombu can send, bytes for one, as the text it sends."""

    def default(self, o: Any) -> Any:
        try:
            return super().default(o)
        except TypeError:
            sent = KombuEncoder().default(o)
            is_tagged = isinstance(sent, dict) and sent.keys() == {"__type__", "__value__"}
            return sent["__value__"] if is_tagged else sent


_JSON = _Encoder(separators=(",", ":"))


def _config(*, extra: bool) -> ConfigDict:
    return ConfigDict(extra="allow" if extra else "forbid", protected_namespaces=())


def _usable(annotation: Any) -> Any:
    """The annotation, or Any where pydantic can make nothing of it."""
    try:
        create_model("Probe", probe=(annotation, ...)).__pydantic_validator__  # noqa: B018  (builds the schema)
    except _Unusable:
        return Any
    return annotation


def _aliased(fields: dict[str, Any]) -> dict[str, Any]:
    """Pydantic wants no field to start with an underscore or to shadow BaseModel; the payload's key stays the name."""
    return {
        f"f{place}_{name}": (annotation, _field(default, alias=name))
        for place, (name, (annotation, default)) in enumerate(fields.items())
    }


def _field(default: Any, *, alias: str) -> Any:
    if default is inspect.Parameter.empty:
        return Field(alias=alias)
    try:
        _JSON.encode(default)
    except (TypeError, ValueError):
        return Field(default_factory=lambda: default, alias=alias)  # no JSON schema can show it
    return Field(default, alias=alias)


def _by_field(error: ValidationError) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        field = ".".join(str(part) for part in problem["loc"]) or "payload"
        found.setdefault(field, []).append(_sentence(problem["type"], problem["msg"]))
    return found


def _sentence(kind: str, message: str) -> str:
    match kind:
        case "missing":
            return "This field is required."
        case "extra_forbidden":
            return "The task takes no such argument."
        case _:
            return message if message.endswith(".") else f"{message}."
