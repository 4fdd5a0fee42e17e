"""The words of a job's life: its states, what can happen to it, and how an attempt can end."""

from enum import StrEnum


class State(StrEnum):
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


WAITING = frozenset({State.SCHEDULED, State.QUEUED, State.RETRYING})
FINAL = frozenset({State.SUCCEEDED, State.DEAD, State.CANCELLED, State.EXPIRED})


class Event(StrEnum):
    FELL_DUE = "fell_due"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    RETRY_GRANTED = "retry_granted"
    BURIED = "buried"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REQUEUED = "requeued"


class Outcome(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    LOST = "lost"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Burial(StrEnum):
    """Why a job is dead."""

    EXHAUSTED = "exhausted"
    NOT_RETRYABLE = "not_retryable"
    CRASH_LOOP = "crash_loop"
    TIMED_OUT = "timed_out"
    UNKNOWN_TASK = "unknown_task"
    UNDECODABLE = "undecodable"


class Source(StrEnum):
    """The road a submission came by."""

    API = "api"
    CODE = "code"
    ADMIN = "admin"
    COMMAND = "command"
    BEAT = "beat"
    TASKS = "tasks"
    CELERY = "celery"


# What the API calls a state, in Celery's words.
CELERY_STATUS: dict[State, str] = {
    State.SCHEDULED: "PENDING",
    State.QUEUED: "PENDING",
    State.RUNNING: "STARTED",
    State.RETRYING: "RETRY",
    State.SUCCEEDED: "SUCCESS",
    State.DEAD: "FAILURE",
    State.CANCELLED: "REVOKED",
    State.EXPIRED: "REVOKED",
}
