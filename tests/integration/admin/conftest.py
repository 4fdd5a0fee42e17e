"""People of each role, logged in to the admin, and short words for its pages."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from jobs.control import roles

ACTION = "_selected_action"


@dataclass
class Person:
    user: User
    client: Client

    def get(self, name: str, *args: Any, **query: str) -> Any:
        return self.client.get(reverse(f"admin:{name}", args=args), query)

    def count_queries(self, name: str, *args: Any, **query: str) -> int:
        """As of the second look: the first may fill what the process keeps (content types)."""
        self.get(name, *args, **query)
        with CaptureQueriesContext(connection) as captured:
            response = self.get(name, *args, **query)
        assert response.status_code == 200, response.content
        return len([q for q in captured.captured_queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))])

    def tick(self, name: str, action: str, pks: list[Any], *, query: str = "", **fields: str) -> Any:
        """Choose an action for rows of a list; with `reason` and `confirmed` also what its page sends."""
        url = reverse(f"admin:{name}") + query
        data = {"action": action, "index": "0", "select_across": "0", ACTION: [str(pk) for pk in pks], **fields}
        return self.client.post(url, data)

    def confirm(self, name: str, action: str, pks: list[Any], *, reason: str = "gateway is back", **fields: str) -> Any:
        return self.tick(name, action, pks, confirmed="1", reason=reason, **fields)

    def press(self, name: str, pk: object, verb: str, *, reason: str = "gateway is back", **fields: str) -> Any:
        url = reverse(f"admin:{name}_verb", args=[pk, verb])
        return self.client.post(url, {"confirmed": "1", "reason": reason, **fields})


def make_person(name: str, role: str) -> Person:
    user = User.objects.create_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client(headers={"X-Request-ID": "r-7"})
    client.force_login(user)
    return Person(user, client)


@pytest.fixture
def _roles(db: None) -> None:
    roles.set_up()


@pytest.fixture
def viewer(_roles: None) -> Person:
    return make_person("vera", "Viewer")


@pytest.fixture
def operator(_roles: None) -> Person:
    return make_person("olga", "Operator")


@pytest.fixture
def administrator(_roles: None) -> Person:
    return make_person("adam", "Admin")


def text_of(response: Any) -> str:
    """What a person reads, without the markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))
