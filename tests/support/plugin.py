"""The test run itself: options, servers and environment before Django reads its settings, folder → marker.

Loaded with `-p` from pyproject.toml, because a conftest would come too late for the settings.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path
from types import FrameType

import hypothesis
import pytest

from taskqueue_project.localstack.postgres import EmbeddedPostgres, PostgresNotFound
from taskqueue_project.localstack.redis import EmbeddedRedis
from tests.support import environment, servers

TESTS = Path(__file__).resolve().parent.parent
FOLDERS = ("unit", "integration", "concurrency", "crash", "acceptance", "browser", "architecture", "benchmarks")
# Their tests run on both databases. (tests/integration/localstack has servers of its own instead.)
DATABASE_FOLDERS = {"integration", "concurrency"}
# They start many processes and take longest, so they come first.
STACK_FOLDERS = {"crash", "acceptance", "browser"}
STACK_TIMEOUT_SECONDS = 180
# What a test of the rules must not ask for.
FORBIDDEN_IN_UNIT = {"db", "transactional_db", "django_db_setup", "redis_server", "redis_client", "live_server"}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tally")
    group.addoption(
        "--database", choices=("sqlite", "postgres"), default="sqlite", help="which database the tests run on"
    )
    group.addoption("--long", action="store_true", help="also run the tests marked long, and fuzz at full length")
    group.addoption("--scale", action="store_true", help="also run the tests marked scale (a million rows)")


def pytest_configure(config: pytest.Config) -> None:
    """A slow machine is no failure of a property, hence no deadline; CI draws the same examples every time."""
    is_long, is_ci = config.getoption("long"), bool(os.environ.get("CI"))
    hypothesis.settings.register_profile(
        "tally", deadline=None, max_examples=2_000 if is_long else 100, derandomize=is_ci and not is_long
    )
    hypothesis.settings.load_profile("tally")
    config.pluginmanager.register(LongestFirst())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    options = early_config.known_args_namespace
    if not options.help and not options.version:
        _prepare(early_config)
    return (yield)


def _prepare(config: pytest.Config) -> None:
    """Give this pytest process a directory, a Redis and a database URL of its own, and say so in the environment."""
    signal.signal(signal.SIGTERM, _leave_in_order)
    for signum in (signal.SIGINT, signal.SIGHUP):  # a run in the background hands down that these are ignored
        if signal.getsignal(signum) is signal.SIG_IGN:
            signal.signal(signum, _leave_in_order)
    options = config.known_args_namespace
    directory = Path(tempfile.mkdtemp(prefix="tally-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))
    is_controller = bool(getattr(options, "numprocesses", 0)) and "PYTEST_XDIST_WORKER" not in os.environ
    redis_url = servers.NOWHERE if is_controller else _start_redis(config, directory)
    database_url = (
        _postgres_url(config, directory)
        if options.database == "postgres"
        else f"sqlite:///{directory / 'tally.sqlite3'}"
    )
    os.environ.update(environment.of(database_url=database_url, redis_url=redis_url, data=directory))


def _leave_in_order(_signum: int, _frame: FrameType | None) -> None:
    """A SIGTERM ends the run as Ctrl-C does: the servers are stopped, not left behind."""
    raise KeyboardInterrupt


def _start_redis(config: pytest.Config, directory: Path) -> str:
    redis = EmbeddedRedis(directory / "redis", durable=False, guarded=False)
    config.add_cleanup(redis.kill)
    return redis.start()


def _postgres_url(config: pytest.Config, directory: Path) -> str:
    """One server per run: the controller starts it, the workers find its URL in the environment they inherit."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return given
    try:
        postgres = EmbeddedPostgres(directory / "postgres")
        config.add_cleanup(postgres.stop)
        os.environ["TEST_DATABASE_URL"] = url = postgres.start()
    except PostgresNotFound as error:
        if os.environ.get("CI"):
            raise pytest.UsageError(f"PostgreSQL is needed when CI is set: {error}") from error
        pytest.exit(f"Skipped: {error}", returncode=0)
    return url


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        _mark_by_folder(item)
    _deselect(config, items)
    trespassers = [item.nodeid for item in items if item.get_closest_marker("unit") and _touches_the_world(item)]
    if trespassers:
        raise pytest.UsageError(
            "tests/unit may not touch the database or the network; move to tests/integration: " + ", ".join(trespassers)
        )


def _mark_by_folder(item: pytest.Item) -> None:
    parts = item.path.relative_to(TESTS).parts if item.path.is_relative_to(TESTS) else ("",)
    folder = parts[0]
    if folder not in FOLDERS:
        return
    item.add_marker(folder)
    if folder in DATABASE_FOLDERS and "localstack" not in parts and not item.get_closest_marker("django_db"):
        # Other threads and connections see only what is committed.
        item.add_marker(pytest.mark.django_db(transaction=folder == "concurrency"))
    if folder in STACK_FOLDERS and not item.get_closest_marker("timeout"):
        item.add_marker(pytest.mark.timeout(STACK_TIMEOUT_SECONDS))


class LongestFirst:
    """After the shuffle: what starts many processes goes first, so that no worker is left with it at the end."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: not any(item.get_closest_marker(folder) for folder in STACK_FOLDERS))


def _touches_the_world(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return bool(item.get_closest_marker("django_db") or fixtures & FORBIDDEN_IN_UNIT)


def _deselect(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out what this run is not about; a run on one database does not report the other's tests as skipped."""
    unwanted = {"postgres_only" if config.getoption("database") == "sqlite" else "sqlite_only"}
    unwanted |= {name for name in ("long", "scale") if not config.getoption(name)}
    dropped = [item for item in items if any(item.get_closest_marker(name) for name in unwanted)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in set(dropped)]
