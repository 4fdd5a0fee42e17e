"""The composition root: settings, URLs, the Celery application and the embedded stack. Only this package knows every app."""

import gc

# A process makes a million objects before it does anything, and keeps them: to search them for garbage after each 700 was a
# sixth of its start.
gc.set_threshold(20_000, 20, 20)

from taskqueue_project.celery import app as celery_app  # noqa: E402  (importing it makes most of them)

__all__ = ["celery_app"]
