"""Clients of people with the permissions that a test names."""

from typing import Any

from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient


def person(name: str, *permissions: str) -> APIClient:
    user = User.objects.create_user(name)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = APIClient(raise_request_exception=False)
    client.force_login(user)
    return client


def post(client: APIClient, path: str, body: Any = None) -> Any:
    return client.post(path, body if body is not None else {}, format="json")
