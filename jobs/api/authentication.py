"""Who asks: a token, a login session, or the local developer of the embedded stack, in this order."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from jobs.api import loopback
from jobs.control import tokens
from jobs.models import ApiToken


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Token …`; being the first, it also says how to log in when nobody did."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        kind, _, secret = get_authorization_header(request).decode("latin-1").partition(" ")
        if kind.lower() != "token":
            return None
        token = tokens.recognise(secret.strip(), now=timezone.now())
        if token is None:
            raise AuthenticationFailed("This token is unknown, has expired or was revoked.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"


class CookieAuthentication(SessionAuthentication):
    """The session of the dashboard and the admin; writes need the CSRF token."""


class LocalDeveloperAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, None] | None:
        return (local_developer(), None) if loopback.is_local_developer(request) else None


def local_developer() -> AbstractBaseUser:
    """Not a row: it may do everything, and asks the database nothing."""
    return get_user_model()(username=loopback.USERNAME, is_active=True, is_staff=True, is_superuser=True)


AUTHENTICATORS = (TokenAuthentication, CookieAuthentication, LocalDeveloperAuthentication)
