"""A private stack for a drill: its own directory, ports, Redis and database, gone afterwards."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import environ
from django.db.utils import ConnectionHandler

from jobs.models import Job
from taskqueue_project import env
from taskqueue_project.drill import witness
from taskqueue_project.localstack import lifeline, stackfile
from taskqueue_project.localstack.postgres import EmbeddedPostgres

START_SECONDS = 150.0
STOP_SECONDS = 25.0
# Simulated work and waits shrink, so that many jobs are under way at every moment and quiet comes soon.
SCALES = {"TALLY_DEMO_TIME_SCALE": "0.1", "TALLY_RETRY_TIME_SCALE": "0.1"}


class StageFailed(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Stage:
    data_dir: Path
    environment: Mapping[str, str]
    log: Path


@contextmanager
def private_stack(*, database_url: str = "", postgres: bool = False) -> Iterator[Stage]:
    with ExitStack() as undo:
        directory = Path(
            undo.enter_context(tempfile.TemporaryDirectory(prefix="tally-drill-", ignore_cleanup_errors=True))
        )
        if postgres:
            server = EmbeddedPostgres(directory / "postgres")
            undo.callback(server.stop)
            database_url = server.start()
        stage = Stage(directory / "data", _environment(directory / "data", database_url), directory / "stack.log")
        with stage.log.open("wb") as log:
            stack = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", "0", "--data", str(stage.data_dir)],
                cwd=env.CHECKOUT,
                env=dict(stage.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lifeline.tie_to_me(),  # noqa: PLW1509  (two system calls, no lock)
            )
        undo.callback(_stop, stack)
        _await_ready(stack, stage)
        yield stage


def _environment(data_dir: Path, database_url: str) -> dict[str, str]:
    """The caller's, without what names his own stack."""
    dropped = {*env.NEEDED_IN_PRODUCTION, "DATABASE_URL", "CSRF_TRUSTED_ORIGINS", "DEBUG", "PORT", "MAKELEVEL"}
    kept = {name: text for name, text in os.environ.items() if name not in dropped and not name.startswith("TALLY_")}
    # Named, or the checkout's .env would be asked for it. A REDIS_URL from there is refused: nobody else's is flushed.
    url = database_url or f"sqlite:///{data_dir / env.SQLITE_NAME}"
    return {
        **kept,
        **SCALES,
        "TALLY_DATA": str(data_dir),
        "DEBUG": "1",
        "TALLY_ENVIRONMENT": "drill",
        "DATABASE_URL": url,
        witness.VARIABLE: str(data_dir.parent / witness.NAME),
    }


def count_jobs(database_url: str) -> int:
    """How many jobs a database holds; 0 when it has no such table yet."""
    connection = ConnectionHandler({"default": environ.Env.db_url_config(database_url)})["default"]
    try:
        if Job._meta.db_table not in connection.introspection.table_names():
            return 0
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {Job._meta.db_table}")  # noqa: S608  (our own table's name)
            return int(cursor.fetchone()[0])
    finally:
        connection.close()


def _await_ready(stack: "subprocess.Popen[bytes]", stage: Stage) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        running = stackfile.find_running(stage.data_dir)
        if running is not None and running.ready:
            return
        if stack.poll() is not None or time.monotonic() > deadline:
            last = stage.log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
            raise StageFailed("The private stack did not start. Its last words:\n" + "\n".join(last))
        time.sleep(0.1)


def _stop(stack: "subprocess.Popen[bytes]") -> None:
    stack.send_signal(signal.SIGTERM)
    try:
        stack.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        stack.kill()
        stack.wait()
