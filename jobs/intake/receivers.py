"""Connects what follows a job to the moment its outcome is recorded."""

from typing import Any

from django.dispatch import receiver

from jobs import signals
from jobs.intake import following
from jobs.models import Job


@receiver(signals.jobs_ended)
def follow_ended_jobs(sender: type[Job], jobs: list[Job], **_kwargs: Any) -> None:
    following.follow(jobs)
