"""The Python in docs/ runs as it stands: a page's blocks, one after another, are one module."""

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from celery import current_app

from jobs.testing import TallyWorker, tally_worker
from tests.support import recipes, source

__all__ = ["tally_worker"]

HOW_TO = sorted(
    page.relative_to(source.ROOT).as_posix()
    for page in [*(source.ROOT / "docs" / "how-to").glob("*.md"), source.ROOT / "docs" / "task-options.md"]
    if page.name != "your-own-project.md"  # tests/acceptance/test_your_own_project.py makes its edits
)


@pytest.fixture
def fixtures(db: None, tally_worker: TallyWorker) -> Iterator[dict[str, Any]]:
    """What a test in a page may ask for; the tasks it declares are forgotten afterwards."""
    known = set(current_app.tasks)
    yield {"db": db, "tally_worker": tally_worker}
    for name in set(current_app.tasks) - known:
        current_app.tasks.unregister(name)


def declared_by(module: ModuleType) -> list[Callable[..., None]]:
    return [made for name, made in vars(module).items() if name.startswith("test_") and callable(made)]


@pytest.mark.parametrize("path", HOW_TO)
def test_the_code_of_a_page_runs(path: str, fixtures: dict[str, Any]) -> None:
    page = source.ROOT / path
    module = ModuleType(f"docs_{page.stem.replace('-', '_')}")
    blocks = [block for block in recipes.blocks(page) if block.language == "python"]
    assert blocks
    for block in blocks:
        code = compile(block.text, f"{path}", "exec")
        if not block.file:  # a file of the reader's is looked at, not run
            exec(code, vars(module))  # noqa: S102  (the code is ours: it stands in docs/)
    for test in declared_by(module):
        test(**{name: fixtures[name] for name in inspect.signature(test).parameters})
