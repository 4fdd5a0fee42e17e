"""A job's state moves through jobs/lifecycle only; intake gives a new row its first one."""

import ast
from collections.abc import Iterator

from tests.support import source

WRITERS = ("jobs/lifecycle", "jobs/intake/")
UPDATES = {"update", "bulk_update", "save", "update_or_create"}


def test_only_the_lifecycle_writes_the_state_of_a_job() -> None:
    others = [module for module in source.product() if not module.name.startswith(WRITERS)]
    assert [found for module in others for found in _writes_of_state(module)] == []


def _writes_of_state(module: source.Module) -> Iterator[str]:
    for node in module.walk():
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (
                f"{module.at(node)} {ast.unparse(node)}" for target in targets if _is_state_of_a_job(module, target)
            )
        elif isinstance(node, ast.Call) and _updates_the_state_of_jobs(module, node):
            yield f"{module.at(node)} {ast.unparse(node)}"


def _is_state_of_a_job(module: source.Module, target: ast.expr) -> bool:
    return isinstance(target, ast.Attribute) and target.attr == "state" and _is_about_jobs(module, target.value)


def _updates_the_state_of_jobs(module: source.Module, call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in UPDATES:
        return False
    names = {keyword.arg for keyword in call.keywords}
    texts = {node.value for node in ast.walk(call) if isinstance(node, ast.Constant)}
    names_state = "state" in names or (call.func.attr in {"bulk_update", "save"} and "state" in texts)
    return names_state and _is_about_jobs(module, call.func.value)


def _is_about_jobs(module: source.Module, subject: ast.expr) -> bool:
    """Inside jobs/ only a Job has a state; elsewhere groups and operations have one of their own."""
    text = ast.unparse(subject)
    if text == "self":
        return module.name.startswith("jobs/models/job")
    return module.name.startswith("jobs/") or "job" in text.lower()
