"""docs/guarantees.md: every promise has a mechanism and tests that exist, and each of the test modules names its promises."""

import re
from dataclasses import dataclass, field

import pytest

from tests.support import source

PAGE = source.ROOT / "docs" / "guarantees.md"
PROMISES = 7  # the design makes that many
HEADING = re.compile(r"^## (?P<number>\d+)\. (?P<title>.+)$")
TEST = re.compile(r"^- `(?P<path>tests/\S+\.py)::(?P<name>test_\w+)`$")
LINK = re.compile(r"\]\(\.\./(?P<path>[^)]+)\)")
SHOWS = re.compile(r"^# Shows guarantees? (?P<numbers>[\d, ]+(?:and \d+)?) of docs/guarantees\.md\.$", re.MULTILINE)


@dataclass
class Promise:
    title: str
    mechanisms: list[str] = field(default_factory=list)
    tests: list[tuple[str, str]] = field(default_factory=list)


def promises() -> dict[int, Promise]:
    found: dict[int, Promise] = {}
    current: Promise | None = None
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if heading := HEADING.match(line):
            current = found[int(heading["number"])] = Promise(heading["title"])
        elif line.startswith("## "):
            current = None
        elif current is not None and (test := TEST.match(line)):
            current.tests.append((test["path"], test["name"]))
        elif current is not None:
            current.mechanisms += LINK.findall(line)
    return found


def named_in(path: str) -> set[int]:
    """The promises that a test module says it shows."""
    found = SHOWS.search((source.ROOT / path).read_text(encoding="utf-8"))
    return {int(number) for number in re.findall(r"\d+", found["numbers"])} if found else set()


def test_every_promise_of_the_design_is_on_the_page() -> None:
    assert sorted(promises()) == list(range(1, PROMISES + 1))


@pytest.mark.parametrize("number", range(1, PROMISES + 1))
def test_a_promise_has_a_mechanism_and_a_test(number: int) -> None:
    promise = promises()[number]
    assert promise.mechanisms, f"{promise.title}: no link to what keeps it"
    assert promise.tests, f"{promise.title}: no test that fails when it breaks"


def test_every_mechanism_that_is_linked_is_there() -> None:
    links = [path for promise in promises().values() for path in promise.mechanisms]
    assert [path for path in links if not (source.ROOT / path).is_file()] == []


def test_every_test_that_is_named_is_there() -> None:
    named = [test for promise in promises().values() for test in promise.tests]
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (source.ROOT / path).is_file() or f"def {name}(" not in (source.ROOT / path).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_page_and_test_modules_name_each_other() -> None:
    said: dict[str, set[int]] = {}
    for number, promise in promises().items():
        for path, _name in promise.tests:
            said.setdefault(path, set()).add(number)
    modules = {module.name for module in source.modules_in("tests") if SHOWS.search(module.text)}
    differing = {path: (said.get(path, set()), named_in(path)) for path in modules | said.keys()}
    assert {path: pair for path, pair in differing.items() if pair[0] != pair[1]} == {}
