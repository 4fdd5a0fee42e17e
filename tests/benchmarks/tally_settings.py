"""The project's settings, whole, and the tasks of the benchmark."""

from taskqueue_project.settings import *  # noqa: F403  (nothing is switched off)

CELERY_IMPORTS = ["tests.benchmarks.tasks"]
