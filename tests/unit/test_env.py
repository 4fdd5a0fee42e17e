"""What the process was told, and what it makes of silence."""

import stat
from pathlib import Path

import environ as django_environ
import pytest
from django.core.exceptions import ImproperlyConfigured

from taskqueue_project import env
from taskqueue_project.env import Environment
from taskqueue_project.localstack import stackfile
from taskqueue_project.localstack.stackfile import Stack

PRODUCTION = {"SECRET_KEY": "s3cret", "ALLOWED_HOSTS": "tally.example", "REDIS_URL": "redis://cache.example:6379"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return tmp_path


def _load(checkout: Path, **told: str) -> Environment:
    return env.load(told, checkout=checkout)


def test_a_fresh_checkout_works_locally_without_being_told_anything(checkout: Path) -> None:
    environment = _load(checkout)
    assert environment.debug
    assert environment.data_dir == checkout / ".tally"
    assert environment.database_url == f"sqlite:///{checkout}/.tally/tally.sqlite3"
    assert environment.redis_url == "redis://127.0.0.1:6379"
    assert environment.allowed_hosts == ["localhost", "127.0.0.1", "[::1]"]
    assert environment.environment_name == "local"
    assert not environment.embedded


def test_the_generated_key_is_kept_for_its_owner_alone(checkout: Path) -> None:
    first, again = _load(checkout), _load(checkout)
    assert len(first.secret_key) > 50
    assert first.secret_key == again.secret_key
    assert stat.S_IMODE((first.data_dir / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE(first.data_dir.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", list(PRODUCTION))
def test_with_debug_off_each_missing_variable_is_named_in_one_line(checkout: Path, name: str) -> None:
    told = {key: value for key, value in PRODUCTION.items() if key != name}
    with pytest.raises(ImproperlyConfigured, match=rf"^DEBUG is off and {name} is not set: .*$"):
        _load(checkout, DEBUG="0", **told)


@pytest.mark.parametrize("name", list(PRODUCTION))
def test_one_production_variable_switches_debug_off(checkout: Path, name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DEBUG is off"):
        _load(checkout, **{name: PRODUCTION[name]})


def test_a_program_that_reads_the_settings_ends_with_that_line_alone(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        env.load_or_exit({"DEBUG": "0", **PRODUCTION, "SECRET_KEY": ""}, checkout=checkout)
    assert end.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "DEBUG is off and SECRET_KEY is not set: name what is missing in the environment or in .env, "
        "or set DEBUG=1 for local work."
    ]


def test_an_empty_variable_counts_as_missing(checkout: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is not set"):
        _load(checkout, DEBUG="0", **{**PRODUCTION, "SECRET_KEY": ""})


def test_production_takes_what_it_is_told_and_makes_no_key(checkout: Path) -> None:
    environment = _load(checkout, **PRODUCTION, DATABASE_URL="postgres://db.example/tally", TALLY_HTTPS="1")
    assert not environment.debug
    assert environment.https
    assert environment.secret_key == "s3cret"
    assert environment.allowed_hosts == ["tally.example"]
    assert environment.database_url == "postgres://db.example/tally"
    assert environment.environment_name == "production"
    assert not environment.data_dir.exists()


def test_the_real_environment_wins_over_the_dotenv_file(checkout: Path) -> None:
    (checkout / ".env").write_text('ALLOWED_HOSTS=a.example, b.example\nTALLY_ENVIRONMENT="blue"\nDEBUG=1\n')
    environment = _load(checkout, TALLY_ENVIRONMENT="green")
    assert environment.allowed_hosts == ["a.example", "b.example"]
    assert environment.environment_name == "green"
    assert environment.debug


def test_redis_is_named_without_a_database_and_asked_for_with_one(checkout: Path) -> None:
    environment = _load(checkout, DEBUG="1", REDIS_URL="rediss://:pa%2Fss@cache.example:6380/0?ssl_cert_reqs=required")
    assert environment.redis_database(2) == "rediss://:pa%2Fss@cache.example:6380/2?ssl_cert_reqs=required"


@pytest.mark.parametrize("url", ["redis://cache.example:6379/3", "unix:///run/redis.sock", "cache.example:6379"])
def test_a_redis_url_that_can_not_be_meant_is_refused(checkout: Path, url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^REDIS_URL "):
        _load(checkout, DEBUG="1", REDIS_URL=url)


@pytest.mark.parametrize("url", ["postgres", "mysql://tally:s3cret@db.example/tally", "/var/lib/tally.sqlite3"])
def test_a_database_url_that_can_not_be_meant_is_refused_without_its_password(checkout: Path, url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL ") as refused:
        _load(checkout, DEBUG="1", DATABASE_URL=url)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("scale", ["fast", "-1", "nan", "inf"])
def test_a_time_scale_must_be_a_number(checkout: Path, scale: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"TALLY_RETRY_TIME_SCALE={scale} must be a number"):
        _load(checkout, TALLY_RETRY_TIME_SCALE=scale)


def test_scales_are_read(checkout: Path) -> None:
    environment = _load(checkout, TALLY_RETRY_TIME_SCALE="0.05", TALLY_DEMO_FAILURE_SCALE="0")
    assert (environment.retry_time_scale, environment.demo_time_scale, environment.demo_failure_scale) == (0.05, 1, 0)


def test_a_directory_with_odd_characters_survives_the_way_through_a_url(checkout: Path) -> None:
    directory = checkout / "50% a+b #1?"
    parsed = django_environ.Env.db_url_config(_load(checkout, TALLY_DATA=str(directory)).database_url)
    assert parsed["NAME"] == str(directory / "tally.sqlite3")


def test_a_second_terminal_finds_the_running_stack_with_its_debug_flag(checkout: Path) -> None:
    settings = {**PRODUCTION, "DEBUG": "0", "TALLY_EMBEDDED": "1", "TALLY_WEB_URL": "http://127.0.0.1:8123"}
    data_dir = checkout / "data"
    data_dir.mkdir()
    with stackfile.lock(data_dir):
        stackfile.write(data_dir, Stack(pid=1, url="http://127.0.0.1:8123", environment=settings))
        environment = _load(checkout, TALLY_DATA=str(data_dir))
    assert not environment.debug
    assert environment.embedded
    assert not environment.started_by_up
    assert environment.redis_url == "redis://cache.example:6379"
    assert environment.web_port == 8123


def test_a_stack_that_is_gone_is_not_found(checkout: Path) -> None:
    data_dir = checkout / ".tally"
    data_dir.mkdir()
    stackfile.write(data_dir, Stack(pid=1, url="http://127.0.0.1:8123", environment={"REDIS_URL": "redis://gone:1"}))
    assert _load(checkout).redis_url == "redis://127.0.0.1:6379"


def test_a_part_of_the_stack_knows_that_up_started_it(checkout: Path) -> None:
    environment = _load(checkout, TALLY_EMBEDDED="1", DEBUG="1", TALLY_WEB_URL="http://127.0.0.1:8000")
    assert environment.embedded
    assert environment.started_by_up
