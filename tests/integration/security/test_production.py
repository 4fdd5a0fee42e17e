"""What a deployment can count on: clean checks, headers on every answer, HTTPS where it is demanded, no secret in a message."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings
from redis import Redis

from taskqueue_project import env
from tests.support import environment
from tests.support.process import ROOT

PRODUCTION = {"TALLY_HTTPS": "1", "TALLY_BEHIND_PROXY": "1", "ALLOWED_HOSTS": "tally.example.com"}
BEHIND_PROXY = override_settings(
    SECURE_SSL_REDIRECT=True, SECURE_HSTS_SECONDS=60, SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https")
)


def test_the_deployment_checks_find_nothing(tmp_path: Path) -> None:
    told = environment.of(database_url=os.environ["DATABASE_URL"], redis_url="redis://127.0.0.1:9", data=tmp_path)
    told |= {"SECRET_KEY": "".join(map(chr, range(48, 123))), **PRODUCTION}
    check = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=environment.without_ours() | told,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert check.returncode == 0, check.stdout + check.stderr


@pytest.mark.parametrize(
    "path", ["/", "/login/", "/admin/login/", "/docs", "/healthz", "/api/workers/stats", "/api/none"]
)
def test_every_answer_says_what_a_browser_may_not_do_with_it(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/docs"])
def test_a_page_runs_nothing_but_our_own_scripts(admin_client: Client, path: str) -> None:
    response = admin_client.get(path, follow=True)
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in response.headers["Content-Security-Policy"].partition("style-src")[0]


@BEHIND_PROXY
def test_behind_a_proxy_a_plain_request_is_sent_to_https_and_a_safe_one_is_answered() -> None:
    client = Client()
    assert client.get("/").headers["Location"].startswith("https://")
    answer = client.get("/api/workers/stats", headers={"X-Forwarded-Proto": "https"})
    assert answer.status_code == 401
    assert "max-age=60" in answer.headers["Strict-Transport-Security"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@BEHIND_PROXY
def test_a_probe_asks_the_process_without_the_proxy(path: str) -> None:
    assert Client().get(path).status_code == 200


@override_settings(SECURE_SSL_REDIRECT=True)
def test_without_a_proxy_nobody_can_pass_for_safe_by_a_header() -> None:
    assert Client().get("/", headers={"X-Forwarded-Proto": "https"}).status_code == 301


def test_a_refused_address_of_redis_is_not_repeated_with_its_password(tmp_path: Path) -> None:
    told = {"SECRET_KEY": "k", "ALLOWED_HOSTS": "h", "TALLY_DATA": str(tmp_path)}
    for url in ("redis://:s3cret@host:6379/7", "http://:s3cret@host"):
        with pytest.raises(ImproperlyConfigured) as refusal:
            env.load({**told, "REDIS_URL": url}, checkout=tmp_path)
        assert "s3cret" not in str(refusal.value)


def test_a_redis_over_tls_keeps_its_account_and_its_certificates(tmp_path: Path) -> None:
    url = "rediss://tally:pw@redis.example.com:6380?ssl_ca_certs=/etc/ca.pem&ssl_cert_reqs=required"
    told = {"SECRET_KEY": "k", "ALLOWED_HOSTS": "h", "TALLY_DATA": str(tmp_path), "REDIS_URL": url}
    journal = env.load(told, checkout=tmp_path).redis_database(1)
    options = Redis.from_url(journal).connection_pool
    assert options.connection_class.__name__ == "SSLConnection"
    assert (options.connection_kwargs["username"], options.connection_kwargs["db"]) == ("tally", 1)
    assert options.connection_kwargs["ssl_ca_certs"] == "/etc/ca.pem"
