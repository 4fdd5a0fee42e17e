"""The embedded Redis: keeps its data, its port and its secret; never evicts."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from taskqueue_project.localstack import ports
from taskqueue_project.localstack import redis as embedded
from taskqueue_project.localstack.redis import EmbeddedRedis, RedisFailed


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


def _client(server: EmbeddedRedis) -> redis.Redis:
    return redis.Redis.from_url(f"{server.url}/1")


def test_what_it_acknowledged_survives_its_being_killed(server: EmbeddedRedis) -> None:
    with _client(server) as client:
        client.set("promise", "kept")
    server.kill()
    server.start()
    with _client(server) as client:
        assert client.get("promise") == b"kept"


def test_it_refuses_to_evict_and_writes_an_append_only_file(server: EmbeddedRedis) -> None:
    with _client(server) as client:
        settings = client.config_get("*")
    assert settings["maxmemory-policy"] == "noeviction"
    assert (settings["appendonly"], settings["appendfsync"], settings["save"]) == ("yes", "everysec", "")
    assert settings["bind"] == "127.0.0.1"


def test_a_stranger_without_the_password_is_turned_away(server: EmbeddedRedis) -> None:
    with redis.Redis(port=server.port) as client, pytest.raises(redis.AuthenticationError):
        client.get("promise")


def test_the_password_is_for_its_owner_alone_and_not_in_the_process_list(server: EmbeddedRedis) -> None:
    assert server.password is not None
    assert server.process is not None
    for name in ("password", "redis.conf"):
        assert stat.S_IMODE((server.directory / name).stat().st_mode) == 0o600
    assert server.password not in " ".join(
        map(str, server.process.args if isinstance(server.process.args, tuple) else ())
    )


def test_it_keeps_its_address_from_start_to_start(server: EmbeddedRedis) -> None:
    server.stop()
    again = EmbeddedRedis(server.directory)
    assert again.url == server.url == embedded.kept_url(server.directory)


def test_it_takes_another_port_when_its_own_is_taken(server: EmbeddedRedis) -> None:
    server.stop()
    with socket.create_server((ports.LOOPBACK, server.port)):
        again = EmbeddedRedis(server.directory)
        assert again.port != server.port
        again.start()
    again.stop()
    assert embedded.kept_url(server.directory) == again.url


def test_it_runs_in_a_directory_with_an_odd_name(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / 'it\'s "50 %" \\ odd')
    server.start()
    server.stop()
    assert (server.directory / "appendonlydir").is_dir()


def test_a_server_that_can_not_start_says_why(tmp_path: Path) -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as listener:
        server = EmbeddedRedis(tmp_path, port=listener.getsockname()[1], guarded=False)
        with pytest.raises(RedisFailed, match="Address already in use"):
            server.start(seconds=5)


def test_a_binary_on_path_is_preferred_unless_it_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, recent = tmp_path / "redis-server", tmp_path / "valkey-server"
    for binary, version in ((old, "Redis server v=6.0.16"), (recent, "Valkey server v=8.1.0")):
        binary.write_text(f"#!/bin/sh\necho '{version} sha=0'\n")
        binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert embedded.find_binary() == recent


def test_for_speed_a_test_may_do_without_durability_and_password(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path, durable=False, guarded=False)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.config_get("appendonly") == {"appendonly": "no"}
    server.stop()
    assert not (tmp_path / "password").exists()
