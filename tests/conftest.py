"""What every test gets: an empty Redis where Redis is used, no network where only rules are tested, skips with reasons."""

import os
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import redis

from tests.support import environment, servers
from tests.support.compose import Services
from tests.support.process import ROOT
from tests.support.site import Site
from tests.support.stack import Stack

USES_REDIS = ("integration", "concurrency", "benchmarks", "redis")
STACKS = pytest.StashKey[list[Stack | Services | Site]]()


@pytest.fixture(scope="session")
def redis_server() -> str:
    """The URL of this pytest process's own Redis, without a database number."""
    return os.environ["REDIS_URL"]


@pytest.fixture(scope="session")
def _redis_connection(redis_server: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server) as connection:
        yield connection


@pytest.fixture
def redis_client(_redis_connection: redis.Redis) -> redis.Redis:
    """A client of an empty Redis (database 0; use `redis_server` for the others)."""
    _redis_connection.flushall()
    return _redis_connection


@pytest.fixture(autouse=True)
def _an_empty_redis(request: pytest.FixtureRequest) -> None:
    if any(request.node.get_closest_marker(name) for name in USES_REDIS):
        request.getfixturevalue("redis_client")


@pytest.fixture(scope="session", autouse=True)
def _flush_may_empty_the_audit() -> Iterator[None]:
    """The one off-switch of the append-only triggers: what empties the database between tests. They come back with it."""
    from django.core.management.commands import flush
    from django.db import connections

    from jobs.models import append_only

    empty = flush.Command.handle

    def handle(command: flush.Command, **options: Any) -> None:
        connection = connections[options["database"]]
        append_only.lift(connection)
        empty(command, **options)
        append_only.enforce(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush.Command, "handle", handle)
        yield


@pytest.fixture(autouse=True)
def _no_network_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.node.get_closest_marker("unit"):
        return

    def refuse(_socket: socket.socket, address: Any) -> NoReturn:
        pytest.fail(
            f"A unit test tried to connect to {address}. Pass it what it needs, or move it to tests/integration."
        )

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated database that stacks copy: migrating takes seconds, copying does not."""
    directory = tmp_path_factory.mktemp("template")
    server_url = os.environ.get("TEST_DATABASE_URL", "") if os.environ["DATABASE_URL"].startswith("postgres") else ""
    url = servers.create_database(server_url) if server_url else f"sqlite:///{directory / 'template.sqlite3'}"
    variables = environment.of(database_url=url, redis_url=servers.NOWHERE, data=directory)
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env=environment.without_ours() | variables, check=True, timeout=60)
    yield url
    if server_url:
        servers.drop_database(server_url, url)


@pytest.fixture
def stack(request: pytest.FixtureRequest, tmp_path: Path, migrated_database: str) -> Iterator[Stack]:
    """A private database and Redis, and the processes that the test starts."""
    with Stack(tmp_path, template=migrated_database) as stack:
        request.node.stash[STACKS] = [stack]
        yield stack


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what its processes printed."""
    report = yield
    if report.failed and report.when == "call":
        for stack in item.stash.get(STACKS, []):
            report.sections += [(f"log of {name}", text) for name, text in stack.logs()]
    return report
