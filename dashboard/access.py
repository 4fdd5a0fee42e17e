"""Around every page: who asks, whether they may, the Content-Security-Policy, and errors as pages instead of stack traces."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from rest_framework.exceptions import NotFound

from dashboard import frame
from jobs.api.actors import recognise
from jobs.api.deadlines import TooSlow
from jobs.domain.actors import Actor
from jobs.domain.errors import NotAllowed, NotThere, TallyError

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)

_Missing = (Http404, NotFound, NotThere)


class PageRequest(HttpRequest):
    actor: Actor


Page = Callable[..., HttpResponseBase]
Response = TypeVar("Response", bound=HttpResponseBase)


def page(*, needs: str = "jobs.view_job") -> Callable[[Page], Page]:
    """A view of the dashboard: `needs` is the permission without which nothing is read or done."""

    def decorate(view: Page) -> Page:
        @functools.wraps(view)
        def answer(request: HttpRequest, *args: Any, **parts: Any) -> HttpResponseBase:
            return secure(_answer(view, cast("PageRequest", request), needs, *args, **parts))

        return answer

    return decorate


def secure(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store, private"
    return response


def go_back(request: HttpRequest, default: str) -> HttpResponseRedirect:
    """To the page the form stood on, when that is one of ours."""
    wanted = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/")
    return redirect(wanted if is_ours else default)


def _answer(view: Page, request: PageRequest, needs: str, *args: Any, **parts: Any) -> HttpResponseBase:
    try:
        actor = recognise(request)
        if actor is None:
            return _to_login(request)
        request.actor = actor
        actor.require(needs)
        return view(request, *args, **parts)
    except (OperationalError, InterfaceError):
        return frame.database_away(request)
    except TooSlow as error:
        return frame.trouble(request, status=503, title="That took too long", message=str(error.detail))
    except NotAllowed as error:
        return frame.forbidden(request, permission=error.permission)
    except _Missing as error:
        return frame.missing(request, message=str(getattr(error, "detail", error)))
    except TallyError as error:
        return _refuse(request, error)


def _to_login(request: HttpRequest) -> HttpResponse:
    back = request.get_full_path() if request.method == "GET" else reverse("dashboard:overview")
    return redirect(f"{reverse('dashboard:login')}?{urlencode({'next': back})}")


def _refuse(request: HttpRequest, error: TallyError) -> HttpResponse:
    """What was asked for can't be done: say why, on the page it was asked from."""
    if request.method == "POST":
        messages.error(request, str(error))
        return go_back(request, reverse("dashboard:overview"))
    return frame.trouble(request, status=400, title="That can't be shown", message=str(error))
