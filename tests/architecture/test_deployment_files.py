"""The compose file, the image and .env.example agree with the code they deploy. (No Docker is needed.)"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from taskqueue_project.server import FINISH_WITHIN_SECONDS
from tests.support import compose, source

COMPOSE = yaml.safe_load((source.ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (source.ROOT / "Dockerfile").read_text(encoding="utf-8")
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
RUN_FOR_EVER = sorted(set(SERVICES) - {"migrate"})
SCRIPTS = Path(sys.executable).parent
# What the code reads, by way of env.py or of `up`; lower-case and foreign names are not settings.
SETTING = re.compile(r"""["'](DEBUG|SECRET_KEY|ALLOWED_HOSTS|CSRF_TRUSTED_ORIGINS|\w+_URL|TALLY_[A-Z_]+)["']""")
# Set by the embedded stack for its own parts, by the tests, or by Celery.
INTERNAL = {"TALLY_EMBEDDED", "TALLY_WEB_URL", "TEST_DATABASE_URL", "BROKER_URL", "JOURNAL_URL", "TALLY_DRILL_WITNESS"}


def test_the_compose_file_keeps_to_the_schema_of_compose_files() -> None:
    check = [str(SCRIPTS / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(compose.FILE)]
    found = subprocess.run(check, capture_output=True, text=True, timeout=50)
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_linter_of_dockerfiles_finds_nothing() -> None:
    found = subprocess.run(
        [SCRIPTS / "hadolint", source.ROOT / "Dockerfile"], capture_output=True, text=True, timeout=50
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_role_of_the_design_is_a_service() -> None:
    roles = {"redis", "postgres", "migrate", "web", "keeper", "beat", "flower"}
    pools = {"worker_high", "worker_default", "worker_low"}
    watchers = {"prometheus", "grafana"}
    assert set(SERVICES) == roles | pools | watchers
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["monitoring"]} == watchers


@pytest.mark.parametrize("name", RUN_FOR_EVER)
def test_a_service_is_looked_after_and_started_again(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_container_can_write_become_root_or_take_the_machine(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].split(":")[0]) > 0
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


def test_a_stop_lasts_as_long_as_what_is_under_way_may_take() -> None:
    """Docker kills after 10 s by default, in the middle of telling what was interrupted."""
    services = compose.Services(Path(), variables={"SECRET_KEY": "-"}, addresses={})
    assert services.grace_seconds("web") > FINISH_WITHIN_SECONDS
    workers = [name for name in SERVICES if name.startswith("worker_")]
    assert min(map(services.grace_seconds, workers)) >= settings.CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT + 10


def test_without_a_secret_nothing_starts() -> None:
    with pytest.raises(compose.MissingVariable, match="SECRET_KEY"):
        compose.read({})


def test_redis_and_postgres_are_reached_by_our_services_only() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    inside = {name for name, service in SERVICES.items() if "inside" in service["networks"]}
    assert inside == {"redis", "postgres", *OURS}
    assert SERVICES["redis"]["networks"] == SERVICES["postgres"]["networks"] == ["inside"]


@pytest.mark.parametrize(("queue", "concurrency"), [("high", "4"), ("default", "2"), ("low", "2")])
def test_each_queue_has_a_pool_of_its_own(queue: str, concurrency: str) -> None:
    command = SERVICES[f"worker_{queue}"]["command"]
    assert command[command.index("-Q") + 1] == queue
    assert command[command.index("-c") + 1] == concurrency


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_waits_for_services_that_can_say_so(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert needed in SERVICES
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[needed]


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_services_get_every_setting_that_a_deployment_needs(name: str) -> None:
    variables = OURS[name]["environment"]
    assert variables["DEBUG"] == "0"
    assert {"SECRET_KEY", "ALLOWED_HOSTS", "REDIS_URL", "DATABASE_URL"} <= set(variables)
    assert variables["REMAP_SIGTERM"] == "SIGQUIT"


def test_the_web_server_is_reached_from_this_machine_only() -> None:
    assert all(port.startswith("127.0.0.1:") for service in SERVICES.values() for port in service.get("ports", []))


def test_volumes_that_are_used_are_declared() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    files = {volume for volume in used if volume.startswith("./")}
    assert used - files == set(COMPOSE["volumes"])
    assert [file for file in files if not (source.ROOT / file).is_dir()] == []


def test_the_image_holds_every_package_and_runs_as_nobody_special() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, flags=re.MULTILINE))
    assert copied == {*source.PACKAGES, "templates"}
    assert DOCKERFILE.index("\nUSER 10001:10001") < DOCKERFILE.index("\nCMD")
    assert "--require-hashes" in DOCKERFILE


def test_what_the_image_copies_is_let_in_by_dockerignore() -> None:
    let_in = set(
        re.findall(r"^!(\S+)$", (source.ROOT / ".dockerignore").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    assert let_in == {*source.PACKAGES, "templates", "manage.py", "requirements.txt", "requirements-flower.txt"}


def test_the_image_and_the_tests_have_the_same_flower() -> None:
    pins = [
        re.findall(r"^flower==\S+", (source.ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
        for name in ("requirements-flower.txt", "requirements-dev.txt")
    ]
    assert pins[0] == pins[1] != []


def test_every_setting_is_in_the_example() -> None:
    read = {name for module in source.modules_in("taskqueue_project") for name in SETTING.findall(module.text)}
    assert sorted(read - INTERNAL - _in_the_example()) == []


def test_the_services_set_only_variables_that_the_example_explains() -> None:
    used = {name for service in OURS.values() for name in service["environment"]}
    assert sorted(used - _in_the_example()) == []


def _in_the_example() -> set[str]:
    return set(
        re.findall(r"^([A-Z_]+)=", (source.ROOT / ".env.example").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )


def test_every_ignored_lint_has_its_reason_beside_it() -> None:
    text = (source.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lint = tomllib.loads(text)["tool"]["ruff"]["lint"]
    ignored = lint["ignore"] + [code for codes in lint["per-file-ignores"].values() for code in codes]
    assert [code for code in ignored if not re.search(rf'"{code}",? +# \S', text)] == []
