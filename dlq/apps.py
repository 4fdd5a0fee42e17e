"""The dead letters as a Django application."""

from django.apps import AppConfig


class DlqConfig(AppConfig):
    name = "dlq"
    verbose_name = "Dead letters"

    def ready(self) -> None:
        from dlq import duties, receivers, verification
        from jobs.keeper import duties as keeper_duties

        keeper_duties.add(duties.make)
