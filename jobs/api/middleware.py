"""Around everything: gives a request its id, and sees to it that errors under the API's paths are JSON, debug or not."""

import logging
import re
import uuid
from collections.abc import Callable
from functools import cache
from http import HTTPStatus

from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import get_script_prefix, reverse

logger = logging.getLogger(__name__)

_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")


class PlainErrors:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request.request_id = given if _ID.match(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        response = self._refuse_host(request) or self._get_response(request)
        if response.status_code >= 400 and _is_api(request) and not _is_json(response):
            response = _tell(response.status_code, HTTPStatus(response.status_code).phrase)
        response.headers.setdefault("X-Request-ID", request.request_id)  # type: ignore[attr-defined]
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """What a view of ours did not turn into an answer; pages keep Django's way."""
        if isinstance(error, OperationalError | InterfaceError):
            logger.warning("The database did not answer a request: %s", error)
            return _tell(503, "The database can't be reached now. Nothing was changed: try again.")
        if not _is_api(request):
            return None
        logger.error("%s %s failed", request.method, request.path_info, exc_info=error)
        return _tell(500, "Something went wrong here; the request's id is in X-Request-ID.")

    def _refuse_host(self, request: HttpRequest) -> HttpResponse | None:
        try:
            request.get_host()
        except DisallowedHost:
            return _tell(400, "This server does not answer under that Host name; ALLOWED_HOSTS names those it does.")
        return None


def _is_api(request: HttpRequest) -> bool:
    return bool(_paths().match(request.path_info))


@cache
def _paths() -> re.Pattern[str]:
    """The API's, below whatever prefix the project's URLs give it."""
    prefix = reverse("docs").removeprefix(get_script_prefix()).removesuffix("docs")
    return re.compile(rf"/{re.escape(prefix)}(api|tasks|docs)(/|$)")


def _is_json(response: HttpResponse) -> bool:
    return "json" in response.headers.get("Content-Type", "")


def _tell(status: int, detail: str) -> JsonResponse:
    return JsonResponse({"detail": detail}, status=status, headers={"Retry-After": "2"} if status == 503 else {})
