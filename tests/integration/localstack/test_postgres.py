"""The throw-away PostgreSQL: starts as any user, takes many connections, leaves nothing."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from taskqueue_project.localstack import ports, postgres
from taskqueue_project.localstack.postgres import EmbeddedPostgres, PostgresNotFound
from tests.support import machine


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    try:
        postgres.find_binaries()
    except PostgresNotFound as error:
        machine.lacks(str(error))
    with EmbeddedPostgres(tmp_path) as server:
        yield server


def test_it_answers_on_loopback_with_room_for_many_connections(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("200",)
        assert connection.execute("SHOW listen_addresses").fetchone() == (ports.LOOPBACK,)
        connection.execute("CREATE TABLE thing (id int)")


def test_it_wants_its_password(server: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url.replace(server.password, "guess"))


def test_stop_ends_every_process_and_removes_its_files(tmp_path: Path, server: EmbeddedPostgres) -> None:
    assert server.process is not None
    family = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
    assert len(family) > 1
    with psycopg.connect(server.url):
        server.stop()
    assert not any(process.is_running() for process in family)
    assert not list(Path(tempfile.gettempdir()).glob(f"tally-postgres-*/data/{server.port}"))
    assert [path.name for path in tmp_path.iterdir()] == ["postgres.log"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give up being root")
def test_root_runs_it_as_somebody_else(server: EmbeddedPostgres) -> None:
    assert server.process is not None
    assert psutil.Process(server.process.pid).username() == "nobody"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's checkout can be closed to the user it becomes")
def test_root_runs_it_from_a_checkout_that_others_can_not_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The binaries are copied to where they can be reached, with the libraries that they look for beside them."""
    binaries = postgres.find_binaries()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "site").symlink_to(binaries.parent.parent.parent)
    monkeypatch.setattr(postgres, "find_binaries", lambda: closed / "site" / binaries.relative_to(binaries.parents[2]))
    with EmbeddedPostgres(tmp_path / "server") as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        running_from = Path(psutil.Process(server.process.pid if server.process else 0).exe())
    assert not running_from.is_relative_to(binaries.parent)
