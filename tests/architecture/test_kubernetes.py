"""deploy/kubernetes keeps to the schemas of Kubernetes and agrees with docker-compose.yml. (No cluster is needed.)"""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from django.conf import settings

from taskqueue_project.server import FINISH_WITHIN_SECONDS
from tests.support import compose, source

FOLDER = source.ROOT / "deploy" / "kubernetes"
BASE = FOLDER / "base"
EXAMPLE = FOLDER / "overlays" / "example"
SCHEMAS_OF = "1.33"
THEIRS = ("kustomize.config.k8s.io/", "keda.sh/")  # not Kubernetes' own
Resource = dict[str, Any]


def resources_in(folder: Path) -> list[Resource]:
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    files = [folder / name for name in kustomization["resources"] if name.endswith(".yaml")]
    return [document for file in files for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


RESOURCES = resources_in(BASE)
OWN = [r for r in [*RESOURCES, *resources_in(EXAMPLE)] if not r["apiVersion"].startswith(THEIRS)]
DEPLOYMENTS: dict[str, Resource] = {r["metadata"]["name"]: r for r in RESOURCES if r["kind"] == "Deployment"}
PODS: dict[str, Resource] = {
    r["metadata"]["name"]: r["spec"]["template"]["spec"] for r in RESOURCES if r["kind"] in {"Deployment", "Job"}
}
SERVICES = compose.read({"SECRET_KEY": "-"})["services"]


def named(resource: Resource) -> str:
    return f"{resource['kind']} {resource['metadata']['name']}"


def of_kind(kind: str) -> dict[str, Resource]:
    return {r["metadata"]["name"]: r["spec"] for r in RESOURCES if r["kind"] == kind}


@pytest.mark.parametrize("resource", OWN, ids=named)
def test_a_resource_keeps_to_its_schema(resource: Resource) -> None:
    kubernetes_validate.validate(resource, SCHEMAS_OF, strict=True)


def test_every_file_is_part_of_the_whole() -> None:
    listed = set(yaml.safe_load((BASE / "kustomization.yaml").read_text(encoding="utf-8"))["resources"])
    assert {file.name for file in BASE.glob("*.yaml")} == {*listed, "kustomization.yaml"}


@pytest.mark.parametrize("name", sorted(PODS))
def test_a_role_runs_the_command_of_its_compose_service(name: str) -> None:
    [container] = PODS[name]["containers"]
    assert container["command"] == SERVICES[name.replace("-", "_")]["command"]


@pytest.mark.parametrize("name", sorted(PODS))
def test_no_pod_is_root_or_can_write(name: str) -> None:
    [container] = PODS[name]["containers"]
    assert PODS[name]["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert set(container["resources"]["limits"]) == {"memory"}
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert [e.popitem()[0] for e in container["envFrom"]] == ["configMapRef", "secretRef"]


@pytest.mark.parametrize("name", sorted(DEPLOYMENTS))
def test_a_pod_is_asked_whether_it_lives_as_its_container_is(name: str) -> None:
    probe = PODS[name]["containers"][0]["livenessProbe"]
    if name == "web":
        assert probe["httpGet"]["path"] == "/healthz"
        assert PODS[name]["containers"][0]["lifecycle"]["preStop"]
    else:
        assert probe["exec"]["command"] == SERVICES[name.replace("-", "_")]["healthcheck"]["test"][1:]


@pytest.mark.parametrize("name", sorted(DEPLOYMENTS))
def test_a_pod_is_given_the_time_that_its_end_takes(name: str) -> None:
    needed = {
        "web": FINISH_WITHIN_SECONDS + 5,  # and what preStop waits
        "worker": settings.CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT + 10,
    }.get(name.partition("-")[0], 0)
    assert PODS[name]["terminationGracePeriodSeconds"] > needed


def test_who_may_be_disrupted_one_at_a_time_is_everyone_that_runs_twice() -> None:
    budgets = of_kind("PodDisruptionBudget")
    assert set(budgets) == set(DEPLOYMENTS) - {"beat"}
    for name, budget in budgets.items():
        assert budget["selector"] == DEPLOYMENTS[name]["spec"]["selector"]
    assert DEPLOYMENTS["keeper"]["spec"]["replicas"] == DEPLOYMENTS["web"]["spec"]["replicas"] == 2


@pytest.mark.parametrize("queue", ["high", "default", "low"])
def test_a_pool_grows_with_the_age_of_its_oldest_waiting_job(queue: str) -> None:
    scaled = of_kind("ScaledObject")[f"worker-{queue}"]
    assert scaled["scaleTargetRef"]["name"] in DEPLOYMENTS
    assert "replicas" not in DEPLOYMENTS[f"worker-{queue}"]["spec"], "KEDA and the manifest would fight over it"
    [trigger] = scaled["triggers"]
    assert trigger["metadata"]["query"] == f'max(tally_oldest_waiting_seconds{{queue="{queue}"}})'
    assert scaled["minReplicaCount"] >= 1, "with none nobody would say that jobs wait for a worker"


def test_every_variable_is_explained_and_the_secret_ones_are_kept_apart() -> None:
    explained = (source.ROOT / ".env.example").read_text(encoding="utf-8")
    [given] = [r["data"] for r in RESOURCES if r["kind"] == "ConfigMap"]
    secrets = (EXAMPLE / "secret.env.example").read_text(encoding="utf-8").splitlines()
    names = {line.partition("=")[0] for line in secrets}
    assert names == {"SECRET_KEY", "DATABASE_URL", "REDIS_URL"}
    assert [name for name in [*given, *names] if f"\n{name}=" not in explained] == []
    assert not names & set(given)


def test_kustomize_builds_the_example() -> None:
    builder = next((found for found in map(shutil.which, ("kustomize", "kubectl")) if found), None)
    if builder is None:
        pytest.skip("No kustomize or kubectl on PATH.")
    command = [builder, "build"] if builder.endswith("kustomize") else [builder, "kustomize"]
    built = subprocess.run([*command, str(EXAMPLE)], capture_output=True, text=True, timeout=50)
    assert built.returncode == 0, built.stderr
    made = [r for r in yaml.safe_load_all(built.stdout) if r]
    assert len([r for r in made if r["kind"] == "Deployment"]) == len(DEPLOYMENTS)
    assert {r["metadata"]["namespace"] for r in made if r["kind"] in {"Deployment", "Secret"}} == {"tally"}
