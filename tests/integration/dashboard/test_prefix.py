"""Under a prefix, as behind a proxy that gives Tally one path of a site: every address on every page has it."""

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import set_script_prefix

from dashboard import routing
from tests.integration.dashboard.conftest import World

PREFIX = "/tally"
ADDRESS = re.compile(r'\b(?:href|src|action|data-[a-z]+)="(/[^"]*)"')


@pytest.fixture(autouse=True)
def _prefix() -> Iterator[None]:
    """As the server sets it for every request; the test client doesn't."""
    set_script_prefix(f"{PREFIX}/")
    yield
    set_script_prefix("/")


def test_every_address_on_every_page_has_the_prefix(world: World, admin: Client) -> None:
    bare: dict[str, set[str]] = {}
    for path in world.pages:
        response = admin.get(path, SCRIPT_NAME=PREFIX)
        assert response.status_code == 200, path
        found = set(ADDRESS.findall(response.content.decode()))
        assert f"{PREFIX}/ws/stats" in found, path
        assert f"{PREFIX}/api/workers/stats" in found, path
        # Of static files Django remembers the first address that it was asked for, here one without the prefix.
        if lacking := {address for address in found if not address.startswith((f"{PREFIX}/", "/static/"))}:
            bare[path] = lacking
    assert bare == {}


def test_a_redirect_has_the_prefix_too(world: World, admin: Client) -> None:
    response = admin.get("/search/?q=state:dead", SCRIPT_NAME=PREFIX)
    assert response["Location"].startswith(f"{PREFIX}/jobs/")
    assert (
        Client().get("/queues/", SCRIPT_NAME=PREFIX)["Location"].startswith(f"{PREFIX}/login/?next=%2Ftally%2Fqueues")
    )


@pytest.mark.parametrize("prefix", [None, "/tally", "tally/"])
def test_the_socket_is_found_with_the_prefix_and_without(prefix: str | None) -> None:
    routes = [SimpleNamespace(pattern=route.pattern) for route in routing.with_prefix(prefix)]

    def is_found(path: str) -> bool:
        return any(route.pattern.match(path) for route in routes)

    assert is_found("ws/stats")
    assert is_found("ws/stats/")
    assert is_found("tally/ws/stats") is (prefix is not None)
    assert not is_found("elsewhere/ws/stats")


def test_the_address_of_the_socket_says_over_http_what_it_speaks(admin: Client) -> None:
    for path in ("/ws/stats", "/ws/stats/"):
        response = admin.get(path)
        assert (response.status_code, response["Upgrade"]) == (426, "websocket")
        assert "WebSocket" in response.json()["detail"]
