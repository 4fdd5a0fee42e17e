"""Who is the local developer: only a loopback peer of the embedded stack, under a loopback name, from the same origin."""

from typing import Any

import pytest
from django.test import Client, override_settings

from jobs.api import loopback
from tests.integration.api.conftest import client

URL = "/api/workers/stats"
HERE = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1:8000"}


@pytest.fixture
def embedded(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.TASKQUEUE = {**settings.TASKQUEUE, "TRUST_LOOPBACK": True}


def ask(**meta: str) -> int:
    status: int = client().get(URL, **meta).status_code  # type: ignore[arg-type]
    return status


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "localhost", "[::1]:8000", "LOCALHOST:8000"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_a_loopback_peer_acts_as_the_local_developer(embedded: None, peer: str, host: str) -> None:
    assert ask(REMOTE_ADDR=peer, HTTP_HOST=host) == 200
    assert ask(REMOTE_ADDR=peer, HTTP_HOST=host, HTTP_ORIGIN=f"http://{host.lower()}") == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"REMOTE_ADDR": "10.0.0.8"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "10.0.0.8", "HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"REMOTE_ADDR": "10.0.0.8", "HTTP_X_REAL_IP": "127.0.0.1", "HTTP_FORWARDED": "for=127.0.0.1"},
        {"HTTP_HOST": "tally.example"},
        {"HTTP_HOST": "localhost.evil.example"},
        {"HTTP_HOST": "tally.example", "HTTP_X_FORWARDED_HOST": "localhost"},
        {"HTTP_ORIGIN": "http://evil.example"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_ORIGIN": ""},
        {"HTTP_ORIGIN": "https://127.0.0.1:8000"},
        {"HTTP_ORIGIN": "http://127.0.0.1:9000"},
        {"HTTP_ORIGIN": "http://127.0.0.1"},
        {"HTTP_ORIGIN": "http://localhost:8000"},
        {"HTTP_ORIGIN": "http://127.0.0.1:8000:1"},
        {"HTTP_AUTHORIZATION": "Token wrong"},
        {"HTTP_AUTHORIZATION": "Basic eDp5"},
    ],
    ids=str,
)
def test_anything_else_needs_credentials(embedded: None, changed: dict[str, str]) -> None:
    assert ask(**HERE) == 200
    assert ask(**{**HERE, **changed}) == 401


def test_nobody_is_the_local_developer_outside_the_embedded_stack() -> None:
    assert ask(**HERE) == 401


def test_a_forwarded_header_takes_nothing_away_either(embedded: None) -> None:
    assert ask(**HERE, HTTP_X_FORWARDED_FOR="203.0.113.9") == 200


def test_writes_of_the_local_developer_need_no_csrf_token_but_the_same_origin(embedded: None) -> None:
    client = Client(enforce_csrf_checks=True)
    body = '{"task_type": "noop", "payload": {}}'
    options: dict[str, Any] = {"data": body, "content_type": "application/json", **HERE}
    assert client.post("/api/tasks/submit", **options).status_code == 202
    assert client.post("/api/tasks/submit", **options, HTTP_ORIGIN="http://evil.example").status_code == 401


def test_the_rule_is_off_in_production_and_on_only_where_up_says_so() -> None:
    from taskqueue_project import settings as read

    assert read.TASKQUEUE["TRUST_LOOPBACK"] == (read.ENV.started_by_up and read.ENV.debug)


@override_settings(ALLOWED_HOSTS=["*"])
def test_default_ports_are_ports() -> None:
    assert loopback.is_same_origin("http://localhost", scheme="http", host="localhost:80")
    assert loopback.is_same_origin("http://localhost:80", scheme="http", host="localhost")
    assert not loopback.is_same_origin("http://localhost:443", scheme="http", host="localhost")
