"""The Celery application: every task it makes is a job, every road it offers leads through intake."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "taskqueue_project.settings")

from jobs.execution.app import TallyApp

app = TallyApp("taskqueue_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
