"""People with each role, their tokens, and a client that speaks JSON."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.test.client import MULTIPART_CONTENT

from jobs.control import roles, tokens
from jobs.domain.actors import CODE

ROLES = ("viewer", "operator", "admin")
MAIL = {"task_type": "send_email", "payload": {"to": "a@example.com", "subject": "Hi", "body": "Hello"}}


@functools.cache
def client() -> Client:
    """One for all: it loads the middleware once."""
    return Client(raise_request_exception=False)


@dataclass
class Caller:
    """Sends what it is given, with the headers of one person."""

    headers: dict[str, str]

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        content: dict[str, Any] = {"content_type": MULTIPART_CONTENT} if method == "GET" else {}
        if body is not None or method not in {"GET", "DELETE"}:
            data = body if isinstance(body, bytes | str) else json.dumps({} if body is None else body)
            content = {"data": data, "content_type": headers.pop("content_type", "application/json")}
        return client().generic(method, path, headers={**self.headers, **headers}, **content)

    def get(self, path: str, **headers: str) -> Any:
        return client().get(path, headers={**self.headers, **headers})

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def delete(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("DELETE", path, body, **headers)


def make_user(name: str, role: str = "") -> User:
    user = User.objects.create_user(name)
    if role:
        user.groups.add(Group.objects.get(name=role.title()))
    return user


def token_of(user: User, *permissions: str) -> str:
    return tokens.issue(user, actor=CODE, permissions=permissions).secret


@pytest.fixture
def known_roles(db: None) -> None:
    roles.set_up()


@pytest.fixture
def caller_as(known_roles: None) -> Callable[[str], Caller]:
    """By role; "nobody" sends no credentials."""
    known: dict[str, Caller] = {"nobody": Caller({})}

    def find(role: str) -> Caller:
        if role not in known:
            secret = token_of(make_user(role, role))
            known[role] = Caller({"Authorization": f"Token {secret}"})
        return known[role]

    return find


@pytest.fixture
def operator(caller_as: Callable[[str], Caller]) -> Caller:
    return caller_as("operator")


@pytest.fixture
def admin(caller_as: Callable[[str], Caller]) -> Caller:
    return caller_as("admin")


@pytest.fixture
def viewer(caller_as: Callable[[str], Caller]) -> Caller:
    return caller_as("viewer")
