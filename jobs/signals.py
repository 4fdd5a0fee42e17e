"""What the queue tells the apps above it. Receivers of the first two run inside the recording transaction."""

from dataclasses import dataclass
from datetime import datetime

from django.dispatch import Signal

from jobs.domain.journal import Failure
from jobs.domain.states import Burial
from jobs.models import Job


@dataclass(frozen=True, slots=True)
class Buried:
    """A job that has just died: `jobs_buried` carries a list of these as `burials`."""

    job: Job
    reason: Burial
    failure: Failure
    at: datetime


jobs_buried = Signal()
jobs_ended = Signal()  # `jobs`: those that became final in this transaction and that something may follow
sampling = Signal()  # `now`: whoever has numbers for the keeper's sample answers with a dict of them
sampled = Signal()  # `pulse`: the keeper's statistics, once a second
pruning = (
    Signal()
)  # `now`, `size`: the apps above delete a batch of what is past its keeping time, and say how many jobs
prunable = Signal()  # `now`: they say how many jobs that would be, by queue and state
