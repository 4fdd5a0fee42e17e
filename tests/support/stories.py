"""Fixtures for stories: one stack for all those of a module, which must not disturb each other.

A module turns its stack by the names `CONF`, `SETTINGS`, `VARIABLES` and `WORKERS` (name → options of `start_worker`).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import STACKS
from tests.support.story import Story


@pytest.fixture(scope="module")
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, migrated_database: str
) -> Iterator[Story]:
    """A keeper and the module's workers; without `WORKERS` one of two processes."""
    options = {
        "conf": getattr(request.module, "CONF", {}),
        "settings": getattr(request.module, "SETTINGS", {}),
        **getattr(request.module, "VARIABLES", {}),
    }
    with Story(tmp_path_factory.mktemp("story"), template=migrated_database, **options) as story:
        story.start_keeper()
        for name, how in getattr(request.module, "WORKERS", {"worker": {}}).items():
            story.start_worker(name, **how)
        yield story


@pytest.fixture
def story(request: pytest.FixtureRequest, shared: Story) -> Story:
    """The module's stack, whose logs a failed test shows."""
    request.node.stash[STACKS] = [shared]
    return shared


@pytest.fixture
def fresh(request: pytest.FixtureRequest, tmp_path: Path, migrated_database: str) -> Iterator[Story]:
    """A stack of the test's own, in which nothing but Redis runs yet."""
    options = {
        "conf": getattr(request.module, "CONF", {}),
        "settings": getattr(request.module, "SETTINGS", {}),
        **getattr(request.module, "VARIABLES", {}),
    }
    with Story(tmp_path, template=migrated_database, **options) as story:
        request.node.stash[STACKS] = [story]
        yield story


@pytest.fixture
def marks(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file that only this test's jobs write to."""
    return tmp_path / "marks"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file that does not exist yet: `hold` runs until it does."""
    return tmp_path / "gate"
