"""The composition root: settings, URLs, the Celery application and the embedded stack. Only this package knows every app."""

import gc

# What is imported stays: to search it for garbage after every 700 objects was about a tenth of a process' start.
gc.set_threshold(20_000, 20, 20)

from taskqueue_project.celery import app as celery_app  # noqa: E402  (importing it makes most of them)

__all__ = ["celery_app"]
