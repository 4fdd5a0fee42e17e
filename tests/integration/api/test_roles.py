"""Every (endpoint, role) pair: nobody is asked to log in, whoever lacks a permission is told which, others get in."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from jobs.api import urls
from jobs.control import roles
from tests.integration.api.conftest import MAIL, ROLES, Caller, make_user, token_of

UNKNOWN = str(uuid.UUID(int=7))
WHY = {"reason": "a test"}


@dataclass(frozen=True)
class Endpoint:
    name: str
    method: str
    path: str
    needs: str
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


ENDPOINTS = [
    Endpoint("submit", "POST", "/api/tasks/submit", "jobs.submit_job", MAIL),
    Endpoint("submit-many", "POST", "/api/tasks/submit/bulk", "jobs.submit_job", {"tasks": [MAIL]}),
    Endpoint("submit-short", "POST", "/tasks/submit", "jobs.submit_job", {"data": "x"}),
    Endpoint("tasks", "GET", "/api/tasks", "jobs.view_job"),
    Endpoint("task", "GET", f"/api/tasks/{UNKNOWN}", "jobs.view_job"),
    Endpoint("cancel", "DELETE", f"/api/tasks/{UNKNOWN}/cancel", "jobs.cancel_job"),
    Endpoint("stats", "GET", "/api/workers/stats", "jobs.view_job"),
    Endpoint("health", "GET", "/api/workers/health", "jobs.view_job"),
    Endpoint("workers", "GET", "/api/workers", "jobs.view_job"),
    Endpoint("queues", "GET", "/api/queues", "jobs.view_job"),
    Endpoint("pause", "POST", "/api/queues/low/pause", "jobs.pause_queue", WHY),
    Endpoint("resume", "POST", "/api/queues/low/resume", "jobs.pause_queue", WHY),
    Endpoint("purge", "POST", "/api/queues/low/purge", "jobs.purge_queue", WHY),
    Endpoint("task-types", "GET", "/api/task-types", "jobs.view_job"),
    Endpoint("audit", "GET", "/api/audit", "jobs.view_action"),
    Endpoint("schema", "GET", "/api/schema", ""),
    Endpoint("docs", "GET", "/docs", ""),
]
HELD = {"viewer": roles.VIEWER, "operator": roles.OPERATOR, "admin": roles.ADMIN}
by_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)


def test_every_endpoint_is_among_those_tested_here() -> None:
    assert {pattern.name for pattern in urls.urlpatterns} <= {endpoint.name for endpoint in ENDPOINTS}


@by_endpoint
@pytest.mark.parametrize("slash", ["", "/"])
def test_nobody_gets_in_without_credentials(endpoint: Endpoint, slash: str, caller_as: Callable[[str], Caller]) -> None:
    answer = caller_as("nobody").send(endpoint.method, endpoint.path + slash, endpoint.body)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Token"
    assert set(answer.json()) == {"detail"}


@by_endpoint
@pytest.mark.parametrize("role", ROLES)
def test_a_role_gets_in_where_it_may_and_is_told_what_it_lacks_elsewhere(
    endpoint: Endpoint, role: str, caller_as: Callable[[str], Caller]
) -> None:
    answer = caller_as(role).send(endpoint.method, endpoint.path, endpoint.body)
    if not endpoint.needs or endpoint.needs in HELD[role]:
        assert answer.status_code not in {401, 403, 500}
    else:
        assert answer.status_code == 403
        assert endpoint.needs in answer.json()["detail"]


@by_endpoint
def test_a_token_may_only_what_it_names(endpoint: Endpoint, known_roles: None) -> None:
    user = make_user("anna", "admin")
    other = "jobs.view_job" if endpoint.needs != "jobs.view_job" else "jobs.submit_job"
    for permission, is_let_in in ((endpoint.needs, True), (other, not endpoint.needs)):
        secret = token_of(user, *([permission] if permission else []))
        answer = Caller({"Authorization": f"Token {secret}"}).send(endpoint.method, endpoint.path, endpoint.body)
        assert (answer.status_code not in {401, 403}) is is_let_in


def test_a_token_never_gives_more_than_its_user_has(known_roles: None) -> None:
    secret = token_of(make_user("victor", "viewer"), "jobs.submit_job", "jobs.view_job")
    caller = Caller({"Authorization": f"Token {secret}"})
    assert caller.post("/api/tasks/submit", MAIL).status_code == 403
    assert caller.get("/api/tasks").status_code == 200


def test_a_user_without_a_role_gets_in_nowhere(known_roles: None) -> None:
    caller = Caller({"Authorization": f"Token {token_of(make_user('eve'))}"})
    for endpoint in ENDPOINTS:
        if endpoint.needs:
            assert caller.send(endpoint.method, endpoint.path, endpoint.body).status_code == 403


def test_every_permission_of_a_role_exists(known_roles: None) -> None:
    known = {f"{p.content_type.app_label}.{p.codename}" for p in Permission.objects.select_related("content_type")}
    assert known >= roles.ADMIN
