"""Connects the dead letters to the queue: to the recording of deaths, to the keeper's sample, to retention."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from dlq import burial, queries, retention
from jobs.models import Job
from jobs.signals import Buried, jobs_buried, prunable, pruning, sampling


@receiver(jobs_buried)
def bury_the_dead(sender: type[Job], burials: list[Buried], **_kwargs: Any) -> None:
    burial.bury(burials)


@receiver(sampling)
def count_open_letters(sender: type, now: datetime, **_kwargs: Any) -> dict[str, float]:
    pulse = queries.pulse(now=now)
    return {
        "dead_letters_open": pulse.open,
        "dead_letters_oldest_seconds": pulse.oldest_seconds,
        "groups_undecided": pulse.groups_undecided,
    }


@receiver(pruning)
def prune_letters(sender: type[Job], now: datetime, size: int, **_kwargs: Any) -> int:
    return retention.prune(now, size=size)


@receiver(prunable)
def count_prunable(sender: type[Job], now: datetime, **_kwargs: Any) -> dict[tuple[str, str], int]:
    return retention.count(now)
