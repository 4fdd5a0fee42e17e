"""Who is measured: Tally on both databases, and stock Celery as people run it. Each has servers of its own."""

import signal
import sqlite3
import subprocess
import sys
from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg
import redis

from taskqueue_project.localstack.postgres import EmbeddedPostgres
from taskqueue_project.localstack.redis import EmbeddedRedis
from tests.benchmarks.calling import Caller
from tests.support import environment, servers
from tests.support.process import ROOT, Process

CONCURRENCY = 2


class Contender(ABC):
    name: str
    title: str
    who: str

    def __init__(self, directory: Path, postgres: EmbeddedPostgres) -> None:
        self.directory, self.postgres = directory / self.name, postgres
        self.directory.mkdir()
        self.samples = self.directory / "samples"
        self.processes: dict[str, Process] = {}
        self._exit = ExitStack()
        self.environment: dict[str, str] = {}
        self._caller: Caller | None = None

    def __enter__(self) -> Self:
        self.redis = EmbeddedRedis(self.directory / "redis")
        self._exit.callback(self.redis.kill)
        self.redis.start()
        self.environment = environment.without_ours() | self._variables()
        self.environment |= {"TALLY_BENCH_SAMPLES": str(self.samples), "PYTHONUNBUFFERED": "1"}
        self._prepare()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.kill_group()
        self._exit.close()

    @abstractmethod
    def _variables(self) -> dict[str, str]: ...

    def _prepare(self) -> None:  # noqa: B027  (most need nothing)
        """What has to stand before the first job, beside Redis."""

    @abstractmethod
    def open_jobs(self) -> int:
        """Submitted, and not over: for Tally over means a final row in SQL."""

    @abstractmethod
    def _worker_command(self) -> list[str]: ...

    def submit(self, how: str, count: int, *, rate: float = 0.0) -> float:
        """The seconds it took a process of its own."""
        if self._caller is None:
            self._caller = Caller(self.who, environment=self.environment, log=self.directory / "caller.log")
            self._exit.callback(self._caller.kill)
        return self._caller.submit(how, count, rate)

    def run(self, module: str, *arguments: str, seconds: float = 180) -> str:
        """The last line of what a module said that ran in a process of its own, as one of this contender's."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}: {module} failed: {done.stderr[-2_000:]}")
        return (done.stdout.splitlines() or [""])[-1]

    def start_worker(self) -> None:
        command = [sys.executable, *self._worker_command(), "-c", str(CONCURRENCY)]
        command += ["-n", f"{self.name}@%h", "--without-gossip", "--without-mingle", "-l", "WARNING"]
        log = self.directory / "worker.log"
        self.processes["worker"] = Process("worker", command, environment=self.environment, log=log)

    def stop_worker(self) -> None:
        self.processes.pop("worker").kill_group()

    def pause(self) -> None:
        """While another is measured, what stays running of this one must not cost anything."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, signum: int) -> None:
        for process in self.processes.values():
            process.signal(signum)

    def kinds(self) -> dict[str, list[psutil.Process]]:
        """Every process that has a part in running jobs, by what it is."""
        kinds = {"redis": [psutil.Process(self.redis.process.pid)]} if self.redis.process else {}
        if "worker" in self.processes:
            parent = psutil.Process(self.processes["worker"].pid)
            kinds |= {"worker parent": [parent], "worker children": parent.children(recursive=True)}
        return kinds

    def _postgres_processes(self) -> list[psutil.Process]:
        assert self.postgres.process is not None
        server = psutil.Process(self.postgres.process.pid)
        return [server, *server.children(recursive=True)]


class Stock(Contender):
    who = "stock"
    results = ""

    def _variables(self) -> dict[str, str]:
        return {"BENCH_BROKER": f"{self.redis.url}/0", "BENCH_RESULTS": self.results}

    def _worker_command(self) -> list[str]:
        return ["-m", "celery", "-A", "tests.benchmarks.stock", "worker"]

    def open_jobs(self) -> int:
        with redis.Redis.from_url(f"{self.redis.url}/0") as broker:
            waiting, unacknowledged = broker.pipeline().llen("celery").hlen("unacked").execute()
        return int(waiting) + int(unacknowledged)


class StockPlain(Stock):
    name, title = "stock", "Celery + Redis, acks_late, no results"


class StockRedis(Stock):
    name, title = "stock-redis", "Celery + Redis, results in Redis"

    def _variables(self) -> dict[str, str]:
        return super()._variables() | {"BENCH_RESULTS": f"{self.redis.url}/1"}


class StockDjango(Stock):
    name, title = "stock-django-db", "Celery + django-celery-results on PostgreSQL"
    results = "django-db"

    def _variables(self) -> dict[str, str]:
        self.database_url = servers.create_database(self.postgres.url)
        return super()._variables() | {"DATABASE_URL": self.database_url}

    def _prepare(self) -> None:
        migrate = "import django; django.setup(); from django.core.management import call_command as c; c('migrate', verbosity=0)"
        settings = self.environment | {"DJANGO_SETTINGS_MODULE": "tests.benchmarks.stock_settings"}
        subprocess.run([sys.executable, "-c", migrate], cwd=ROOT, env=settings, check=True, timeout=60)

    def kinds(self) -> dict[str, list[psutil.Process]]:
        return super().kinds() | {"postgres": self._postgres_processes()}


class Tally(Contender):
    who = "tally"

    def _prepare(self) -> None:
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env=self.environment, check=True, timeout=60)
        self.start_keeper()

    def _of(self, database_url: str) -> dict[str, str]:
        ours = environment.of(database_url=database_url, redis_url=self.redis.url, data=self.directory)
        return ours | {"DJANGO_SETTINGS_MODULE": "tests.benchmarks.tally_settings"}

    def start_keeper(self) -> None:
        command, log = [sys.executable, "manage.py", "keeper"], self.directory / "keeper.log"
        self.processes["keeper"] = Process("keeper", command, environment=self.environment, log=log)
        self.processes["keeper"].wait_for_output("keeper ready")

    def _worker_command(self) -> list[str]:
        return ["-m", "celery", "-A", "taskqueue_project", "worker", "-Q", "high,default,low"]

    def kinds(self) -> dict[str, list[psutil.Process]]:
        return super().kinds() | {"keeper": [psutil.Process(self.processes["keeper"].pid)]}

    def journal(self) -> Any:
        return redis.Redis.from_url(f"{self.redis.url}/1", decode_responses=True)


# By the index on states: a look that reads the whole table would be what is measured.
_OPEN = "SELECT count(*) FROM jobs_job WHERE state IN ('scheduled', 'queued', 'running', 'retrying')"


class TallySqlite(Tally):
    name, title = "tally-sqlite", "Tally on SQLite"

    def _variables(self) -> dict[str, str]:
        return self._of(f"sqlite:///{self.directory / 'tally.sqlite3'}")

    def open_jobs(self) -> int:
        line = sqlite3.connect(f"file:{self.directory / 'tally.sqlite3'}?mode=ro", uri=True, timeout=20)
        try:
            return int(line.execute(_OPEN).fetchone()[0])
        finally:
            line.close()


class TallyPostgres(Tally):
    name, title = "tally-postgres", "Tally on PostgreSQL"

    def _variables(self) -> dict[str, str]:
        self.database_url = servers.create_database(self.postgres.url)
        return self._of(self.database_url)

    def open_jobs(self) -> int:
        with psycopg.connect(self.database_url, autocommit=True) as line:
            row = line.execute(_OPEN).fetchone()
        return int(row[0]) if row else 0

    def kinds(self) -> dict[str, list[psutil.Process]]:
        return super().kinds() | {"postgres": self._postgres_processes()}


# Who is compared with whom stands side by side: this machine's speed changes from one half minute to another.
ALL: tuple[type[Contender], ...] = (StockRedis, StockPlain, TallySqlite, TallyPostgres, StockDjango)
