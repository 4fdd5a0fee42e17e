"""The dashboard as a Django application."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"
    verbose_name = "Dashboard"

    def ready(self) -> None:
        from dashboard import broadcast
        from dashboard.queries import failures
        from jobs.api import search

        search.add_field("fp", failures.with_fingerprint)
        search.add_field("letter", failures.with_letter)
