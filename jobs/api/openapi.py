"""How each operation is described in the OpenAPI document: its errors, and the ways to say who asks."""

from typing import Any

from django_filters import BooleanFilter, Filter, IsoDateTimeFilter
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

_DESCRIPTIONS = {
    "400": "Something in the request is wrong; nothing was changed.",
    "401": "No credentials.",
    "403": "A permission is missing; the answer names it.",
    "404": "There is no such thing.",
    "405": "Not this method.",
    "409": "The state does not allow it.",
    "413": "Too large.",
    "415": "Not JSON.",
    "422": "The idempotency key was used for another request.",
    "429": "Too many requests.",
    "503": "The database, or what this answer needs, is away.",
}
_ALWAYS = ("400", "401", "403", "404", "405", "429", "503")
_WITH_BODY = ("409", "413", "415", "422")


class Describer(AutoSchema):
    """Adds to every operation the errors that it may answer with, all of one shape, and to every list its filters."""

    def get_description(self) -> str:  # type: ignore[override]
        return ""  # a view's docstring speaks to its maintainers

    def get_override_parameters(self) -> list[Any]:
        filters = getattr(self.view, "filterset_class", None)
        if filters is None or self.method != "GET":
            return []
        return [_describe(name, known) for name, known in filters.base_filters.items()]

    def get_operation(self, *args: Any, **options: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **options)
        if operation is None:
            return None
        codes = (*_ALWAYS, *_WITH_BODY) if self.method != "GET" else _ALWAYS
        shape = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        for code in codes:
            operation["responses"].setdefault(code, {"description": _DESCRIPTIONS[code], "content": shape})
        return operation


def _describe(name: str, known: Filter) -> OpenApiParameter:
    kinds = {IsoDateTimeFilter: OpenApiTypes.DATETIME, BooleanFilter: OpenApiTypes.BOOL}
    kind = next((told for kind, told in kinds.items() if isinstance(known, kind)), OpenApiTypes.STR)
    choices = known.extra.get("choices", ())
    offered = [value for value, _shown in (choices() if callable(choices) else choices)]
    return OpenApiParameter(name, kind, enum=offered or None, description=known.extra.get("help_text", ""))


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "jobs.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        text = "`Token ` and an API token, as `manage.py create_api_token` prints it."
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": text}


class CookieScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "jobs.api.authentication.CookieAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


class LocalScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """No credentials at all: nothing to describe."""

    target_class = "jobs.api.authentication.LocalDeveloperAuthentication"
    name: list[str] = []

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[str]]]:
        return []

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, str]]:
        return []
