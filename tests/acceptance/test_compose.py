"""docker-compose.yml, started command by command against servers of this machine: a job goes through, and Flower sees it."""

import base64
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from taskqueue_project.localstack import ports
from taskqueue_project.localstack.postgres import EmbeddedPostgres, PostgresNotFound
from taskqueue_project.localstack.redis import EmbeddedRedis
from tests.conftest import STACKS
from tests.support import compose, machine
from tests.support.client import Client
from tests.support.compose import Services
from tests.support.process import ROOT
from tests.support.waiting import until

ERRAND_SECONDS = 60
VARIABLES = {
    "SECRET_KEY": "compose-" + "k" * 50,
    "REDIS_PASSWORD": "r3dis-pass-w0rd",
    "FLOWER_BASIC_AUTH": "ada:lovelace",
}
PARTS = ("web", "worker_high", "worker_default", "worker_low", "keeper", "beat", "flower")
POOLS = {"high": 4, "default": 2, "low": 2}
TOKEN = """
from django.contrib.auth.models import User
from jobs.control import tokens
from jobs.domain.actors import CODE
ada = User.objects.create_superuser("ada")
print(tokens.issue(ada, actor=CODE).secret)
"""


class System(Services):
    def __init__(self, directory: Path, *, addresses: dict[str, str]) -> None:
        super().__init__(directory, variables=VARIABLES, addresses=addresses)
        self.web = Client(int(addresses["8000"]))
        basic = base64.b64encode(VARIABLES["FLOWER_BASIC_AUTH"].encode()).decode()
        self.flower = Client(int(addresses["5555"]), {"Authorization": f"Basic {basic}"})

    def run(self, name: str, *command: str, **environment: str) -> str:
        """`docker compose run NAME COMMAND…`; what it printed."""
        done = subprocess.run(
            self._program(list(command), name) if command else self.command(name),
            cwd=ROOT,
            env=self.environment(name) | environment,
            capture_output=True,
            text=True,
            timeout=ERRAND_SECONDS,
        )
        assert done.returncode == 0, f"{name} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def is_healthy(self, name: str) -> bool:
        return subprocess.run(self.health_check(name), cwd=ROOT, capture_output=True, timeout=15).returncode == 0


def start_redis(services: dict[str, Any], directory: Path) -> tuple[EmbeddedRedis, str]:
    """A server of ours with the options of the service: their names are those of a configuration file."""
    server = EmbeddedRedis(directory, guarded=False)
    words = services["redis"]["command"][1:]
    options = dict(zip(words[::2], words[1::2], strict=True))
    server.password = options.pop("--requirepass")
    assert options["--maxmemory-policy"] == "noeviction"
    server.start()
    return server, f"127.0.0.1:{server.port}"


@pytest.fixture
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    """Everything started; nothing waited for."""
    postgres = EmbeddedPostgres(tmp_path / "postgres")
    try:
        postgres.start()
    except PostgresNotFound as error:
        machine.lacks(str(error))
    redis, redis_address = start_redis(compose.read(VARIABLES)["services"], tmp_path / "redis")
    addresses = {
        "redis:6379": redis_address,
        "tally:tally@postgres:5432/tally": postgres.url.removeprefix("postgres://"),
        "0.0.0.0": "127.0.0.1",  # noqa: S104  (what the file says is replaced)
        "8000": str(ports.find_free()),
        "5555": str(ports.find_free()),
    }
    system = System(tmp_path, addresses=addresses)
    request.node.stash[STACKS] = [system]
    try:
        system.run("migrate")
        for name in PARTS:
            system.start(name)
        yield system
    finally:
        system.close()
        redis.kill()
        postgres.stop()


@pytest.mark.long
def test_the_services_of_the_compose_file_run_a_job_and_flower_shows_it(system: System) -> None:
    """One story, because starting ten processes is what it costs."""
    token = system.run("web", "python", "manage.py", "shell", "-v", "0", "-c", TOKEN).split()[-1]
    for name in PARTS:
        until(partial(system.is_healthy, name), seconds=60, what=f"{name} to be healthy")
    a_job_succeeds_and_is_shown(system, system.web.with_token(token))
    flower_shows_every_pool_and_lets_nobody_act(system)
    every_part_ends_within_its_grace(system)
    no_log_holds_a_secret(system, VARIABLES["SECRET_KEY"], VARIABLES["REDIS_PASSWORD"], token)


def a_job_succeeds_and_is_shown(system: System, client: Client) -> None:
    until(lambda: client.get("/api/workers/health").json()["status"] == "ok", seconds=60, what="the system to be well")
    ids: list[str] = []

    def is_shown() -> bool:
        """Workers tell Flower of what they run only once it has asked for it, every five seconds."""
        accepted = client.post("/api/tasks/submit", {"task_type": "noop", "payload": {}})
        assert accepted.status == 202
        ids.append(accepted.json()["task_id"])
        shown = system.flower.get("/api/tasks").json()
        return any(shown.get(id_, {}).get("state") == "SUCCESS" for id_ in ids)

    until(is_shown, seconds=40, what="Flower to show a job that succeeded")
    for id_ in ids:
        until(partial(is_succeeded, client, id_), seconds=30, what=f"job {id_} to succeed")


def is_succeeded(client: Client, id_: str) -> bool:
    return bool(client.get(f"/api/tasks/{id_}").json()["status"] == "SUCCESS")


def flower_shows_every_pool_and_lets_nobody_act(system: System) -> None:
    def pools() -> dict[str, int]:
        workers = system.flower.get("/api/workers?refresh=1").json()
        return {name.partition("@")[0]: seen["stats"]["pool"]["max-concurrency"] for name, seen in workers.items()}

    until(lambda: pools() == POOLS, seconds=30, what="Flower to show every pool")
    assert Client(system.flower.port).get("/workers").status == 401
    [high] = [name for name in system.flower.get("/api/workers").json() if name.startswith("high@")]
    assert system.flower.post(f"/api/worker/shutdown/{high}").status == 403


def every_part_ends_within_its_grace(system: System) -> None:
    for name in PARTS:
        system.processes[name].signal(signal.SIGTERM)
    for name in PARTS:
        system.processes[name].wait(seconds=system.grace_seconds(name))


def no_log_holds_a_secret(system: System, *secrets: str) -> None:
    assert [(n, s) for n, process in system.processes.items() for s in secrets if s in process.output()] == []
