"""Functions outside any tasks.py: found by their path when a worker meets it, in installed apps only."""

import sys
from collections.abc import Iterator

import django
import pytest
from celery import current_app
from django.test import override_settings

from jobs.django_tasks import functions
from jobs.intake import registry

APP = "tests.support.press"
AT_ONCE = f"django{'.' if django.VERSION >= (6, 0) else '_'}tasks.backends.immediate.ImmediateBackend"


@pytest.fixture
def installed() -> Iterator[None]:
    """The app is there, its modules have not been imported."""
    from django.conf import settings

    tasks = {**settings.TASKS, "at_once": {"BACKEND": AT_ONCE}}
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, APP], TASKS=tasks):
        yield
    sys.modules.pop(f"{APP}.printing", None)
    for name in ("print_page", "fold", "Machine.warm_up"):
        current_app.tasks.pop(f"{APP}.printing.{name}", None)
        functions._declared.pop(f"{APP}.printing.{name}", None)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ["print_page", "Machine.warm_up", "fold"])
def test_a_path_in_an_installed_app_is_found(name: str) -> None:
    path = f"{APP}.printing.{name}"
    assert path not in current_app.tasks
    found = registry.discover(path)
    assert found is not None
    assert found.name == path
    assert current_app.tasks[path] is found


@pytest.mark.usefixtures("installed")
def test_celerys_registry_looks_for_what_it_does_not_have() -> None:
    path = f"{APP}.printing.print_page"
    assert current_app.tasks[path].name == path


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("path", [f"{APP}.printing.gone", f"{APP}.gone.print_page", APP, "json.dumps", "", "noop.noop"])
def test_a_path_to_no_function_of_the_framework_finds_nothing(path: str) -> None:
    assert registry.discover(path) is None
    assert path not in current_app.tasks


def test_what_lies_in_no_installed_app_is_not_even_imported() -> None:
    assert registry.discover(f"{APP}.printing.print_page") is None
    assert f"{APP}.printing" not in sys.modules


@pytest.mark.usefixtures("installed")
def test_a_module_that_fails_to_import_is_no_task_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    with override_settings(TASKS={"default": {"BACKEND": "jobs.django_tasks.TallyBackend"}}):
        # The module names a backend that these settings do not have.
        assert registry.discover(f"{APP}.printing.fold") is None
