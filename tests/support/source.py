"""The project's own Python files as text and syntax trees, for the architecture tests."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("taskqueue_project", "jobs", "dlq", "dashboard")


@dataclass(frozen=True)
class Module:
    path: Path

    @property
    def name(self) -> str:
        """As a reader would say it: jobs/keeper/rescuer.py."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def is_migration(self) -> bool:
        return "migrations" in self.path.parts

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.name)

    def walk(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree)

    def at(self, node: ast.expr | ast.stmt) -> str:
        return f"{self.name}:{node.lineno}"


def modules_in(*folders: str) -> list[Module]:
    return [Module(path) for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def product() -> list[Module]:
    """What is shipped, migrations aside: Django writes those."""
    return [module for module in modules_in(*PACKAGES) if not module.is_migration] + [Module(ROOT / "manage.py")]


def everything() -> list[Module]:
    return product() + modules_in("tests")


def imported_by(module: Module) -> list[str]:
    names: list[str] = []
    for node in module.walk():
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names


def called_by(module: Module) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the dotted text of what is called: ("Job.objects.filter(…).update")."""
    for node in module.walk():
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)
