"""The OpenAPI 3.1 document, with the payload of every registered task and its example, and the page that shows it."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import conf
from jobs.api import actors
from jobs.api.views import ApiView
from jobs.intake import registry

SUBMISSION = "Submission"
# Swagger UI sets styles from its scripts, and draws its icons as data.
_DOCS_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_Endpoint = tuple[str, str, str, Any]


class Schema(ApiView):
    needs = ""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(document())


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Swagger UI, its assets from our own static files."""
    if actors.recognise(request) is None:
        detail = "Log in, for example at /admin/, or send `Authorization: Token …`."
        return JsonResponse({"detail": detail}, status=401, headers={"WWW-Authenticate": "Token"})
    response = render(request, "api/docs.html")
    response.headers["Content-Security-Policy"] = _DOCS_CSP
    return response


@cache
def document() -> dict[str, Any]:
    generated: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return generated


def one_form_of_each_path(endpoints: list[_Endpoint], **_options: Any) -> list[_Endpoint]:
    """Every path works with its trailing slash too; the document shows it once."""
    return [endpoint for endpoint in endpoints if not endpoint[0].endswith("/")]


def describe_payloads(result: dict[str, Any], **_options: Any) -> dict[str, Any]:
    """Says for each task what its payload is, and gives its example as a submission."""
    components = result.setdefault("components", {}).setdefault("schemas", {})
    components["Error"] = {
        "type": "object",
        "description": '{"detail": "…"}, or {"field": ["…"]} for each field that is wrong.',
        "additionalProperties": True,
    }
    submission = components.get(SUBMISSION)
    if submission is None:
        return result
    specs = registry.every()
    for spec in specs:
        components[_component(spec.name)] = _hoisted(spec.schema.json_schema(), into=components, task=spec.name)
    properties = submission["properties"]
    properties["task_type"]["examples"] = [spec.name for spec in specs]
    properties["priority"]["examples"] = list(conf.current().QUEUES)
    properties["payload"] = {
        "description": "The task's arguments by name; see the schema of its payload.",
        "type": "object",
        "anyOf": [{"$ref": f"#/components/schemas/{_component(spec.name)}"} for spec in specs]
        + [{"type": "object", "additionalProperties": True}],
    }
    examples = {
        spec.name: {"value": {"task_type": spec.name, "payload": spec.options.example}}
        for spec in specs
        if spec.options.example is not None
    }
    for path, methods in result["paths"].items():
        if path.endswith("/api/tasks/submit"):
            methods["post"]["requestBody"]["content"]["application/json"]["examples"] = examples
    return result


def _component(task: str) -> str:
    words = "".join(part.title() for part in task.replace(".", "_").split("_"))
    return f"{''.join(c for c in words if c.isalnum())}Payload"


def _hoisted(schema: dict[str, Any], *, into: dict[str, Any], task: str) -> dict[str, Any]:
    """Definitions inside a payload's schema become components, where references find them."""
    definitions = schema.pop("$defs", {})
    prefix = _component(task)

    def follow(node: Any) -> Any:
        if isinstance(node, dict):
            return {k: _moved(v, prefix) if k == "$ref" else follow(v) for k, v in node.items()}
        return [follow(item) for item in node] if isinstance(node, list) else node

    for name, definition in definitions.items():
        into[f"{prefix}.{name}"] = follow(definition)
    found: dict[str, Any] = follow(schema)
    return found


def _moved(reference: str, prefix: str) -> str:
    return reference.replace("#/$defs/", f"#/components/schemas/{prefix}.")
