"""The tables: columns, constraints and chainable filters. No behaviour."""

from jobs.models.action import Action
from jobs.models.api_token import ApiToken
from jobs.models.attempt import Attempt
from jobs.models.chord import Chord
from jobs.models.idempotency import IdempotencyKey
from jobs.models.job import Job
from jobs.models.queue import Queue
from jobs.models.rollup import Rollup

__all__ = ["Action", "ApiToken", "Attempt", "Chord", "IdempotencyKey", "Job", "Queue", "Rollup"]
