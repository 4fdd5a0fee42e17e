"""The queue as a Django application."""

from contextlib import suppress
from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.signals import setting_changed
from django.db.models.signals import post_migrate


class JobsConfig(AppConfig):
    name = "jobs"
    verbose_name = "Jobs"

    def ready(self) -> None:
        from jobs import checks
        from jobs.intake import receivers

        setting_changed.connect(_forget_settings)
        _load_backends()
        post_migrate.connect(_keep_the_audit, sender=self)


def _load_backends() -> None:
    """A worker must know how to find functions of Django's own tasks before it meets the first."""
    named = [str(chosen.get("BACKEND", "")) for chosen in getattr(settings, "TASKS", {}).values()]
    if any(path.startswith("jobs.django_tasks.") for path in named):
        with suppress(ModuleNotFoundError):  # Django 5.2 without the backport: nothing can be declared either
            import_module("jobs.django_tasks")


def _forget_settings(setting: str, **_kwargs: Any) -> None:
    if setting == "TASKQUEUE":
        from jobs import conf

        conf.forget()


def _keep_the_audit(using: str, **_kwargs: Any) -> None:
    from django.db import connections

    from jobs import conf
    from jobs.models import append_only

    keep = append_only.enforce if conf.current().AUDIT_APPEND_ONLY else append_only.lift
    keep(connections[using])
