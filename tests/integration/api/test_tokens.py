"""API tokens: shown once, kept as a digest, and worth nothing once they are revoked, have expired, or lost their user."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from jobs.control import tokens
from jobs.domain.actors import CODE, Actor
from jobs.domain.errors import NotAllowed, StateConflict
from jobs.models import Action, ApiToken
from tests.integration.api.conftest import Caller, make_user


def status_with(header: str) -> int:
    status: int = Caller({"Authorization": header}).get("/api/tasks").status_code
    return status


@pytest.fixture
def secret(known_roles: None) -> str:
    return tokens.issue(make_user("olga", "operator"), actor=CODE).secret


def test_a_token_lets_its_user_in(secret: str) -> None:
    assert status_with(f"Token {secret}") == 200
    assert status_with(f"token {secret}") == 200


def test_the_secret_is_not_in_the_database(secret: str) -> None:
    row = ApiToken.objects.get()
    assert secret not in str(vars(row))
    assert secret.startswith(row.start)


@pytest.mark.parametrize("change", ["expires_at", "revoked_at"])
def test_a_token_that_has_ended_is_refused(secret: str, change: str) -> None:
    ApiToken.objects.update(**{change: timezone.now() - timedelta(seconds=1)})
    assert status_with(f"Token {secret}") == 401


def test_a_token_of_an_inactive_user_is_refused(secret: str) -> None:
    user = ApiToken.objects.get().user
    user.is_active = False
    user.save()
    assert status_with(f"Token {secret}") == 401


@pytest.mark.parametrize("header", ["Token", "Token ", "Token nonsense", "Bearer {}", "Basic YTpi", "{}", "Token ü"])
def test_other_credentials_are_refused(secret: str, header: str) -> None:
    assert status_with(header.format(secret)) == 401


def test_its_use_is_noted_once_a_minute(secret: str) -> None:
    now = timezone.now()
    for seconds in (0, 30):
        assert tokens.recognise(secret, now=now + timedelta(seconds=seconds)) is not None
    assert ApiToken.objects.get().last_used_at == now
    tokens.recognise(secret, now=now + timedelta(seconds=61))
    assert ApiToken.objects.get().last_used_at == now + timedelta(seconds=61)


def test_issuing_and_revoking_need_permission_and_leave_actions(secret: str) -> None:
    start = ApiToken.objects.get().start
    with pytest.raises(NotAllowed):
        tokens.revoke(start, actor=Actor("eve", frozenset()))
    with pytest.raises(NotAllowed):
        tokens.issue(ApiToken.objects.get().user, actor=Actor("eve", frozenset()))
    tokens.revoke(start, actor=CODE, reason="leaked")
    assert [action.verb for action in Action.objects.order_by("id")] == ["issue", "revoke"]
    assert status_with(f"Token {secret}") == 401
    with pytest.raises(StateConflict):
        tokens.revoke(start, actor=CODE)


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("create_api_token", *arguments, stdout=output)
    return output.getvalue()


def test_the_command_prints_the_token_alone_on_its_last_line(known_roles: None) -> None:
    make_user("carla", "viewer")
    printed = run("carla", "--permission", "jobs.view_job", "--expires-in-days", "7").splitlines()
    assert status_with(f"Token {printed[-1]}") == 200
    token = ApiToken.objects.get()
    assert token.permissions == ["jobs.view_job"]
    assert token.expires_at is not None
    run("carla", "--revoke", token.start)
    assert status_with(f"Token {printed[-1]}") == 401


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nobody-there"], 1),
        (["carla", "--permission", "jobs.fly"], 2),
        (["carla", "--expires-in-days", "-1"], 2),
        (["carla", "--revoke", "tally_nothing"], 1),
    ],
)
def test_the_command_says_what_is_wrong(known_roles: None, arguments: list[str], code: int) -> None:
    make_user("carla", "viewer")
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert caught.value.returncode == code
    assert not ApiToken.objects.exists()


def test_setting_up_the_roles_again_puts_them_right(known_roles: None) -> None:
    from django.contrib.auth.models import Group

    group = Group.objects.get(name="Viewer")
    group.permissions.clear()
    output = StringIO()
    call_command("setup_roles", stdout=output)
    assert [p.codename for p in group.permissions.all()] == ["view_job"]
    assert "Operator: 9 permissions" in output.getvalue()
