"""For commands that wait for a job's end."""

import time

from jobs.management.output import Found
from jobs.models import Job

_LOOK_EVERY_SECONDS = 0.1


def await_end(job: Job, *, timeout_seconds: float) -> None:
    give_up_at = time.monotonic() + timeout_seconds
    while not job.is_final:
        if time.monotonic() > give_up_at:
            raise Found(f"Job {job.id} is still {job.state} after {timeout_seconds:g} s. `manage.py job {job.id}`")
        time.sleep(_LOOK_EVERY_SECONDS)
        job.refresh_from_db()
