"""What is generated from the code says what the code says."""

import re
from dataclasses import fields

import pytest

from jobs import conf
from taskqueue_project.management.commands.reference_docs import PAGES
from taskqueue_project.reference import commands, configuration
from tests.support import source


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    page = (source.ROOT / name).read_text(encoding="utf-8")
    assert page == PAGES[name](), f"{name} is old: run python manage.py reference_docs"


def test_every_setting_says_what_it_means() -> None:
    told = [one for group in configuration.read_groups() for one in group.settings]
    assert sorted(one.name for one in told) == sorted(known.name for known in fields(conf.Conf))
    assert [one.name for one in told if not one.meaning] == []


def test_every_variable_that_is_read_is_explained() -> None:
    """But for those by which `up` tells its parts about themselves."""
    code = (source.ROOT / "taskqueue_project" / "env.py").read_text(encoding="utf-8")
    read = set(re.findall(r'"((?:TALLY_)?[A-Z][A-Z_]{3,})"', code)) - {"TALLY_EMBEDDED", "TALLY_WEB_URL"}
    explained = {name: meaning for name, _, meaning in configuration.read_variables()}
    assert sorted(read - explained.keys()) == []
    assert [name for name, meaning in explained.items() if not meaning] == []


def test_every_argument_of_a_command_is_explained() -> None:
    """A name that says all may stand alone; an option may not."""
    bare = [
        f"{name} {action.option_strings[0]}"
        for name in commands.names()
        for action in commands.options_of(commands.parser_of(name))
        if action.option_strings and not action.help
    ]
    assert bare == []
