"""Logging in and out."""

from typing import Any

from django.contrib.auth import views
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from dashboard import frame
from dashboard.access import secure


class LogIn(views.LoginView):
    template_name = "dashboard/login.html"
    next_page = "dashboard:overview"
    redirect_authenticated_user = True

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        preferences = {name: frame.preference(self.request, name) for name in frame.PREFERENCES}
        return {**super().get_context_data(**context), "preferences": preferences, "section": "login"}

    def dispatch(self, request: HttpRequest, *args: Any, **parts: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **parts)
        if hasattr(response, "render"):
            response.render()
        return secure(response) if isinstance(response, HttpResponse) else response


class LogOut(views.LogoutView):
    next_page = "dashboard:login"
