"""What every view of the API shares: what it needs, who asks, and how a list is answered."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from jobs.api import deadlines, errors, pagination
from jobs.api.actors import actor_of
from jobs.api.authentication import AUTHENTICATORS
from jobs.api.filters import StrictFilterSet
from jobs.api.openapi import Describer
from jobs.api.parsing import StrictJSONParser
from jobs.api.permissions import HasWhatTheViewNeeds
from jobs.api.rendering import AlwaysJSON
from jobs.api.throttling import RequestsPerMinute
from jobs.domain.actors import Actor


class ApiView(APIView):
    """Names everything itself, so that neither this project's nor a host project's DRF settings change it."""

    needs = "jobs.view_job"
    """The permission without which nothing is read or done; "": a login is enough."""
    body_max_bytes: int | None = None

    authentication_classes = AUTHENTICATORS
    permission_classes = (HasWhatTheViewNeeds,)
    throttle_classes = (RequestsPerMinute,)
    parser_classes = (StrictJSONParser,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJSON
    metadata_class = None  # OPTIONS is no way to learn what a view takes; /api/schema is
    versioning_class = None
    schema = Describer()

    def get_exception_handler(self) -> Any:
        return errors.answer

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)


class ListView(ApiView):
    """Subclasses give `rows` and `serializer_class`, and a `filterset_class` when there is something to filter."""

    pagination_class = pagination.KeysetPagination
    filterset_class: type[StrictFilterSet] | None = None
    serializer_class: type[BaseSerializer[Any]]

    def rows(self) -> QuerySet[Any]:
        raise NotImplementedError

    def get(self, request: Request) -> Response:
        rows = self.rows()
        if self.filterset_class is not None:
            rows = self.filterset_class.narrow(rows, request=request, actor=self.actor)
        with deadlines.list_deadline():
            page = pagination.page_of_rows(rows, request=request)
        shown = self.serializer_class(page.items, many=True, context={"actor": self.actor})
        return page.respond(request, shown.data)


class NamesView(ApiView):
    """A short list at hand. Subclasses give `items`, as they are shown, each with the key named by `key`."""

    pagination_class = pagination.KeysetPagination
    key = "name"

    def items(self) -> Sequence[dict[str, Any]]:
        raise NotImplementedError

    def get(self, request: Request) -> Response:
        page = pagination.page_of_names(self.items(), key_of=self._key_of, request=request)
        return page.respond(request, page.items)

    def _key_of(self, item: dict[str, Any]) -> str:
        return str(item[self.key])


class UnknownPath(ApiView):
    """Whatever lies under /api and is nothing."""

    needs = ""

    def initial(self, request: Request, *_args: Any, **_parts: Any) -> None:
        raise NotFound(f"There is nothing at {request.path}. GET /api/schema names every path.")
