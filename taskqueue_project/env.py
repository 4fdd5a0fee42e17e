"""What the process was told: environment variables, a `.env` file, the running embedded stack; the earlier wins.

Read once, at start, into one frozen value. Whatever is missing and can't be guessed safely is an `ImproperlyConfigured`
whose text is one line that says what to set. An empty variable counts as missing.

`DEBUG`, when nobody sets it: what the running stack of the data directory has; else off as soon as any of `SECRET_KEY`,
`ALLOWED_HOSTS` or `REDIS_URL` is set, because somebody deploys; else on, because this is a fresh checkout, where
`manage.py check`, `migrate` and `pytest` have to work, with a generated key and for loopback hosts alone.
"""

import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import environ as django_environ
from django.core.exceptions import ImproperlyConfigured

from taskqueue_project import revision
from taskqueue_project.localstack import private, redis, stackfile

CHECKOUT = Path(__file__).resolve().parent.parent
NEEDED_IN_PRODUCTION = ("SECRET_KEY", "ALLOWED_HOSTS", "REDIS_URL")
LOG_FORMATS = ("plain", "json")
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
SQLITE_NAME = "tally.sqlite3"
_DATABASES = {"postgres", "postgresql", "pgsql", "psql", "sqlite"}
USUAL_REDIS_URL = "redis://127.0.0.1:6379"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    data_dir: Path
    database_url: str
    redis_url: str
    """Without a database number; use `redis_database`."""
    secret_key: str
    debug: bool
    allowed_hosts: list[str]
    csrf_trusted_origins: list[str]
    environment_name: str
    log_format: str
    """plain or json."""
    https: bool
    behind_proxy: bool
    """A proxy ends TLS and overwrites X-Forwarded-Proto, so that header may be believed."""
    embedded: bool
    """The embedded stack provides this process with its settings."""
    started_by_up: bool
    """This process is a part of the embedded stack; only such a web process may trust its loopback peers."""
    web_url: str | None
    """Where the embedded stack that this process belongs to, or found, serves HTTP."""
    release: str
    """What is deployed; empty: the version that is installed."""
    retry_time_scale: float
    demo_time_scale: float
    demo_failure_scale: float

    def redis_database(self, number: int) -> str:
        """The URL of one database: 0 carries messages, 1 the journal, 2 the channel layer."""
        parts = urlsplit(self.redis_url)
        return urlunsplit(parts._replace(path=f"/{number}"))

    @property
    def web_port(self) -> int | None:
        return urlsplit(self.web_url).port if self.web_url else None


def load(environ: Mapping[str, str], *, checkout: Path = CHECKOUT) -> Environment:
    told = read_told(environ, checkout=checkout)
    data_dir = data_dir_of(told, checkout=checkout)
    stack = stackfile.find_running(data_dir)
    values = {**(stack.environment if stack else {}), **told}
    embedded = _flag(values, "TALLY_EMBEDDED", default=False)
    debug = _flag(values, "DEBUG", default=not any(name in values for name in NEEDED_IN_PRODUCTION))
    if not debug:
        _require(values, NEEDED_IN_PRODUCTION)
    return Environment(
        data_dir=data_dir,
        database_url=_database_url(values, data_dir),
        redis_url=_redis_url(values, data_dir),
        secret_key=values.get("SECRET_KEY") or secret_key_in(data_dir),
        debug=debug,
        allowed_hosts=_names(values, "ALLOWED_HOSTS", default=LOOPBACK_HOSTS),
        csrf_trusted_origins=_names(values, "CSRF_TRUSTED_ORIGINS"),
        environment_name=values.get("TALLY_ENVIRONMENT") or ("local" if embedded or debug else "production"),
        log_format=_one_of(values, "TALLY_LOG_FORMAT", LOG_FORMATS),
        https=_flag(values, "TALLY_HTTPS", default=False),
        behind_proxy=_flag(values, "TALLY_BEHIND_PROXY", default=False),
        embedded=embedded,
        started_by_up=_flag(told, "TALLY_EMBEDDED", default=False),
        web_url=values.get("TALLY_WEB_URL"),
        release=values.get("TALLY_RELEASE") or revision.of(checkout),
        retry_time_scale=_scale(values, "TALLY_RETRY_TIME_SCALE"),
        demo_time_scale=_scale(values, "TALLY_DEMO_TIME_SCALE"),
        demo_failure_scale=_scale(values, "TALLY_DEMO_FAILURE_SCALE"),
    )


def load_or_exit(environ: Mapping[str, str], *, checkout: Path = CHECKOUT) -> Environment:
    """For the settings module: whichever program reads it (daphne, celery) ends with the one line, not with a traceback."""
    try:
        return load(environ, checkout=checkout)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


def read_told(environ: Mapping[str, str], *, checkout: Path = CHECKOUT) -> dict[str, str]:
    """The environment, completed from the checkout's `.env` file where it is silent."""

    class Told(django_environ.Env):  # type: ignore[misc]  # django-environ ships no types
        ENVIRON = {name: value for name, value in environ.items() if value}

    dotenv = checkout / ".env"
    if dotenv.is_file():
        Told.read_env(dotenv)
    return {name: value for name, value in Told.ENVIRON.items() if value}


def data_dir_of(told: Mapping[str, str], *, checkout: Path = CHECKOUT) -> Path:
    return Path(told.get("TALLY_DATA") or checkout / ".tally").expanduser().resolve()


def _database_url(values: Mapping[str, str], data_dir: Path) -> str:
    url = values.get("DATABASE_URL") or _sqlite_url(data_dir)
    if urlsplit(url).scheme not in _DATABASES:  # not shown: it may hold a password
        raise ImproperlyConfigured(
            "DATABASE_URL must look like postgres://user:password@host:5432/name or sqlite:////absolute/path."
        )
    return url


def _sqlite_url(data_dir: Path) -> str:
    """SQLite makes its file, not the directory that it lies in."""
    try:
        private.make_directory(data_dir)
    except OSError as error:
        raise ImproperlyConfigured(
            f"The data directory {data_dir} can't be made ({error.strerror}): set TALLY_DATA or DATABASE_URL."
        ) from error
    return f"sqlite:///{quote(str(data_dir / SQLITE_NAME))}"


def secret_key_in(data_dir: Path) -> str:
    try:
        return private.keep(data_dir / "secret_key", make=lambda: secrets.token_urlsafe(50))
    except OSError as error:
        raise ImproperlyConfigured(
            f"SECRET_KEY is not set and none can be kept in {data_dir} ({error.strerror}): "
            "set SECRET_KEY, or TALLY_DATA to a directory that can be written."
        ) from error


def _require(values: Mapping[str, str], names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in values]
    if missing:
        raise ImproperlyConfigured(
            f"DEBUG is off and {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set: "
            "name what is missing in the environment or in .env, or set DEBUG=1 for local work."
        )


def _redis_url(values: Mapping[str, str], data_dir: Path) -> str:
    url = values.get("REDIS_URL")
    if not url:
        return redis.kept_url(data_dir / "redis") or USUAL_REDIS_URL
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise ImproperlyConfigured("REDIS_URL must look like redis://:password@host:6379 (or rediss://… for TLS).")
    if parts.path not in {"", "/", "/0"}:
        raise ImproperlyConfigured(
            f"REDIS_URL names database {parts.path.lstrip('/')}: leave the number out, Tally uses 0, 1 and 2 of a server of its own."
        )
    return urlunsplit(parts._replace(path=""))


def _flag(values: Mapping[str, str], name: str, *, default: bool) -> bool:
    return bool(django_environ.Env.parse_value(values[name], bool)) if name in values else default


def _one_of(values: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    """The first of the known is usual."""
    given = values.get(name, known[0]).lower()
    if given not in known:
        raise ImproperlyConfigured(f"{name}={given} must be one of {', '.join(known)}.")
    return given


def _names(values: Mapping[str, str], name: str, *, default: tuple[str, ...] = ()) -> list[str]:
    return [item.strip() for item in values[name].split(",") if item.strip()] if name in values else list(default)


def _scale(values: Mapping[str, str], name: str) -> float:
    text = values.get(name, "1")
    try:
        scale = float(text)
    except ValueError:
        scale = -1.0
    if not 0 <= scale < float("inf"):
        raise ImproperlyConfigured(f"{name}={text} must be a number of 0 or more; 1 is real time.")
    return scale
