"""The composition root: settings, URLs, the Celery application and the embedded stack. Only this package knows every app."""

from taskqueue_project.celery import app as celery_app

__all__ = ["celery_app"]
