"""The pages for people: what they link to is there, and the commands they tell to run exist."""

import inspect
import re
from pathlib import Path
from typing import get_overloads

import pytest
from django.core.management import get_commands

from jobs import shortcuts
from jobs.intake import drafts
from tests.support import source

PAGES = sorted(
    [*source.ROOT.glob("*.md"), *(source.ROOT / "docs").rglob("*.md"), *(source.ROOT / "deploy").rglob("*.md")]
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", flags=re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", flags=re.MULTILINE)
COMMAND = re.compile(r"manage\.py ([a-z_]+)")
TARGET = re.compile(r"^(?:\$ )?make ([a-z-]+)|`make ([a-z-]+)`", flags=re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """As GitHub makes them."""
    headings = HEADING.findall(
        re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def names(page: Path) -> str:
    return str(page.relative_to(source.ROOT))


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_command_that_is_told_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = set(
        re.findall(r"^([a-z-]+):", (source.ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    told = {one or other for one, other in TARGET.findall(text)}
    assert told - targets == set()
    examples = {path.stem for path in source.ROOT.glob("docs/examples/*/management/commands/*.py")}
    assert set(COMMAND.findall(text)) - get_commands().keys() - examples == set()


def test_every_page_can_be_reached_from_the_first() -> None:
    reached, ahead = set(), [source.ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        page = page / "README.md" if page.is_dir() else page
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        targets = (target.partition("#")[0] for target in LINK.findall(page.read_text(encoding="utf-8")))
        ahead += [(page.parent / target).resolve() for target in targets if target and "://" not in target]
    assert {names(page) for page in PAGES} - {names(page) for page in reached} == set()


def test_every_option_of_a_task_and_of_a_submission_is_explained() -> None:
    page = (source.ROOT / "docs" / "task-options.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`(\w+)`", page))
    _plain, with_options = get_overloads(shortcuts.task)
    options = inspect.signature(with_options).parameters.keys() | drafts.OPTIONS
    assert options - explained == set()
