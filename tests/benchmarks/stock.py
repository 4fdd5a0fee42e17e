"""Stock Celery as its documentation sets it up: Redis, late acknowledgement, and results where the contender keeps them."""

import os

from celery import Celery

_RESULTS = os.environ.get("BENCH_RESULTS", "")

if _RESULTS == "django-db":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.benchmarks.stock_settings"

app = Celery("stock", broker=os.environ["BENCH_BROKER"], include=["tests.benchmarks.tasks"])
app.conf.update(
    task_acks_late=True,
    task_ignore_result=not _RESULTS,
    result_backend=_RESULTS or None,
    broker_connection_retry_on_startup=True,
)
app.conf["CELERY_DB_REUSE_MAX"] = 1_000_000  # its best case: the connection is kept from task to task
