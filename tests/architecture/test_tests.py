"""Tests wait for conditions, not for time; their names are sentences."""

import ast

from tests.support import source

SLEEPS = ("time.sleep", "asyncio.sleep", "anyio.sleep", "gevent.sleep", "wait_for_timeout")
FOLDERS = {
    "unit",
    "integration",
    "concurrency",
    "crash",
    "acceptance",
    "browser",
    "architecture",
    "benchmarks",
    "support",
}
WORDS_IN_A_SENTENCE = 3


def test_no_test_sleeps() -> None:
    """The bodies of sample tasks may: a worker that is killed has to be busy with something. A benchmark keeps a pace."""
    naps = [
        f"{module.at(call)} {text}"
        for module in source.modules_in("tests")
        if not module.name.endswith("_tasks.py") and "benchmarks" not in module.name
        for call, text in source.called_by(module)
        if text.endswith(SLEEPS) or (text == "sleep" and {"time", "asyncio"} & set(source.imported_by(module)))
    ]
    assert naps == []


def test_every_test_name_is_a_sentence() -> None:
    terse = [
        f"{module.at(node)} {node.name}"
        for module in source.modules_in("tests")
        for node in module.walk()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and len(node.name.removeprefix("test_").split("_")) < WORDS_IN_A_SENTENCE
    ]
    assert terse == []


def test_every_test_lies_in_a_folder_that_says_what_it_may_touch() -> None:
    paths = [module.path.relative_to(source.ROOT / "tests") for module in source.modules_in("tests")]
    assert [str(path) for path in paths if len(path.parts) > 1 and path.parts[0] not in FOLDERS] == []
    assert [str(path) for path in paths if len(path.parts) == 1 and path.name.startswith("test_")] == []
