"""Small modules, short functions, names that say what is in them."""

import ast
import re

from tests.support import source

MODULE_LINES = 300
FUNCTION_LINES = 40
DOCSTRING_LINES = 8
EMPTY_WORDS = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "service", "services", "misc"}
NOQA = re.compile(r"#\s*noqa\b(?P<rest>.*)")
REASONED = re.compile(r": [A-Z]+\d+(, ?[A-Z]+\d+)* +\(.+\)")


def test_no_module_is_longer_than_300_lines() -> None:
    sizes = {
        module.name: len(module.text.splitlines())
        for module in source.everything()
        if not module.name.endswith("_tasks.py")  # a catalogue of sample tasks is one idea, however long
    }
    assert {name: lines for name, lines in sizes.items() if lines > MODULE_LINES} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    too_long = {
        f"{module.at(node)} {node.name}": _lines_of(node)
        for module in source.product()
        for node in module.walk()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _lines_of(node) > FUNCTION_LINES
    }
    assert too_long == {}


def _lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_every_module_says_in_a_few_lines_what_it_owns() -> None:
    odd = {}
    for module in source.product():
        docstring = ast.get_docstring(module.tree)
        if module.tree.body and (not docstring or len(docstring.splitlines()) > DOCSTRING_LINES):
            odd[module.name] = docstring
    # A package's __init__ may be longer: it is the map of the folder.
    assert {name: text for name, text in odd.items() if not (text and name.endswith("__init__.py"))} == {}


def test_no_file_or_folder_has_a_name_that_means_nothing() -> None:
    paths = [module.path.relative_to(source.ROOT) for module in source.everything()]
    assert [str(path) for path in paths if EMPTY_WORDS & {*path.parent.parts, path.stem}] == []


def test_every_silenced_lint_has_its_reason_beside_it() -> None:
    bare = [
        f"{module.name}:{number}: {line.strip()}"
        for module in source.everything()
        for number, line in enumerate(module.text.splitlines(), start=1)
        if (found := NOQA.search(line)) and "re.compile" not in line and not REASONED.match(found["rest"])
    ]
    assert bare == []
