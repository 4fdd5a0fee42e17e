"""What the embedded stack consists of: its parts, the settings they all run with, and the order in which they stop."""

import http.client
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from taskqueue_project import env
from taskqueue_project.localstack import ports, redis
from taskqueue_project.localstack.parts import Part
from taskqueue_project.localstack.redis import EmbeddedRedis

WORKERS = {"high": 4, "default": 2, "low": 2}
WORKERS_FIRST, THEN_THE_REST, REDIS_LAST = range(3)
# Together below the 20 s in which everything has to end; the soft shutdown of the workers has to fit into theirs.
WORKER_GRACE_SECONDS = 13.0
REST_GRACE_SECONDS = 3.0
REDIS_GRACE_SECONDS = 2.0
SERVER_PAUSE_SECONDS = 2.0  # Redis and web have 5 s in all to come back
PROBE_SECONDS = 2.0
SETTINGS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DEBUG", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS")
# Celery's advice to servers; here whoever owns the checkout runs it.
ROOT_WARNING = "You're running the worker with superuser privileges"
MAKES_OWN = ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    data_dir: Path
    port: int
    redis: EmbeddedRedis | None
    """None when REDIS_URL names a server that somebody else runs."""
    settings: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.port}"


def draw(told: Mapping[str, str], *, data_dir: Path, port: int) -> Plan:
    server = None if told.get("REDIS_URL") else EmbeddedRedis(data_dir / "redis")
    ours = {name: value for name, value in told.items() if name in SETTINGS or name.startswith("TALLY_")}
    hosts = [host for host in told.get("ALLOWED_HOSTS", "").split(",") if host]
    settings = {
        "DEBUG": "1",
        "SECRET_KEY": told.get("SECRET_KEY") or env.secret_key_in(data_dir),
        "TALLY_ENVIRONMENT": "local",
        **ours,
        "ALLOWED_HOSTS": ",".join(dict.fromkeys([*hosts, *env.LOOPBACK_HOSTS])),
        "TALLY_DATA": str(data_dir),
        "TALLY_EMBEDDED": "1",
        "TALLY_WEB_URL": f"http://{ports.LOOPBACK}:{port}",
    }
    if server is not None:
        settings["REDIS_URL"] = server.url
    return Plan(data_dir=data_dir, port=port, redis=server, settings=settings)


def servers(plan: Plan) -> list[Part]:
    """What the other parts need before they can start."""
    database = Part(
        name="database",
        command=_python("-m", "taskqueue_project.localstack.database"),
        environment=_environment(plan),
        directory=env.CHECKOUT,
        is_errand=True,
    )
    if plan.redis is None:
        return [database]
    broker = Part(
        name="redis",
        command=plan.redis.command(),
        environment=redis.server_environment(),
        directory=plan.redis.directory,
        colour=31,
        probe=plan.redis.answers,
        longest_pause_seconds=SERVER_PAUSE_SECONDS,
        stop_order=REDIS_LAST,
        grace_seconds=REDIS_GRACE_SECONDS,
    )
    return [broker, database]


def processes(plan: Plan) -> list[Part]:
    """Web first: it takes longest to start."""
    web = Part(
        name="web",
        command=_python("-m", "taskqueue_project.server", "-b", ports.LOOPBACK, "-p", str(plan.port)),
        environment=_environment(plan),
        directory=env.CHECKOUT,
        colour=32,
        probe=asks_ready(plan.port),
        longest_pause_seconds=SERVER_PAUSE_SECONDS,
        # Together with the workers: its requests have as long to finish as the jobs.
        stop_order=WORKERS_FIRST,
        grace_seconds=WORKER_GRACE_SECONDS,
    )
    keeper = Part(
        name="keeper",
        command=_python("manage.py", "keeper"),
        environment=_environment(plan),
        directory=env.CHECKOUT,
        colour=33,
        ready_line=r"keeper\b.*\bready",
        stop_order=THEN_THE_REST,
    )
    beat = Part(
        name="beat",
        command=_celery("beat", "-l", "INFO", "--pidfile="),
        environment=_environment(plan),
        directory=env.CHECKOUT,
        colour=34,
        ready_line=r"beat: Starting",
        stop_order=THEN_THE_REST,
    )
    return [web, *(_worker(plan, queue, size) for queue, size in WORKERS.items()), keeper, beat]


def _worker(plan: Plan, queue: str, size: int) -> Part:
    pool = ("-Q", queue, "-c", str(size), "-n", f"{queue}@%h")
    return Part(
        name=f"worker-{queue}",
        command=_celery("worker", *pool, "-l", "INFO", "--without-gossip", "--without-mingle"),
        # With it a SIGTERM gives running jobs the soft-shutdown time, then interrupts them; without it, no limit.
        # `up` has made every check; in each worker they would cost a second and load all pages.
        environment={**_environment(plan), "REMAP_SIGTERM": "SIGQUIT", "CELERY_SKIP_CHECKS": "1"},
        directory=env.CHECKOUT,
        colour=36,
        ready_line=r"@\S+ ready",
        stop_order=WORKERS_FIRST,
        grace_seconds=WORKER_GRACE_SECONDS,
    )


def asks_ready(port: int) -> Callable[[], bool]:
    def ask() -> bool:
        connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ask


def _celery(*arguments: str) -> tuple[str, ...]:
    return _python("-W", f"ignore:{ROOT_WARNING}", "-m", "celery", "--quiet", "-A", "taskqueue_project", *arguments)


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)


def _environment(plan: Plan) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in MAKES_OWN}
    ours = {"DJANGO_SETTINGS_MODULE": "taskqueue_project.settings", "PYTHONUNBUFFERED": "1"}
    return {**inherited, **ours, **plan.settings}
