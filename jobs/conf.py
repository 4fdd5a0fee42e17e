"""The queue's own settings: defaults, units and meaning, overridden by `settings.TASKQUEUE`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import metadata

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True, slots=True)
class Conf:
    QUEUES: tuple[str, ...] = ("high", "default", "low")
    """Their names, most urgent first; Celery must know each."""
    JOURNAL_URL: str = "redis://127.0.0.1:6379/1"
    """Redis with the journal, claims and heartbeats; database 1 of REDIS_URL."""
    KEY_PREFIX: str = "tally"
    """What every key in it begins with."""

    # Publishing: a caller never waits longer than this for Redis, and after a failure not at all for a while.
    PUBLISH_TIMEOUT_SECONDS: float = 0.25
    """How long a caller waits for Redis at most."""
    BREAKER_SECONDS: float = 3.0
    """How long publishing is not tried after it failed; the keeper publishes then."""
    PUBLISH_BATCH_SIZE: int = 1000
    """Messages sent at a time, at most."""

    # What travels and what is kept.
    PAYLOAD_MAX_BYTES: int = 262_144
    """A bigger payload is refused: 413."""
    PAYLOAD_MAX_DEPTH: int = 32
    """Levels that a payload may be nested."""
    RESULT_MAX_BYTES: int = 1_048_576
    """A job whose result is bigger is buried, its result is not kept."""
    LOG_MAX_BYTES: int = 65_536
    """Of the log lines kept of an attempt; later ones are dropped, and counted."""
    TRACEBACK_MAX_BYTES: int = 65_536
    """Of a traceback that is kept."""

    # Budgets.
    MAX_LOST: int = 3
    """The loss of a worker at which a job is buried as crash_loop."""
    RETRY_CAP_SECONDS: float = 3600.0
    """The longest wait between two attempts."""
    RETRY_TIME_SCALE: float = 1.0
    """Multiplies every wait between attempts; 1 is real time."""
    DEMO_TIME_SCALE: float = 1.0
    """Multiplies the time that sample tasks take."""
    DEMO_FAILURE_SCALE: float = 1.0
    """Multiplies how often sample tasks fail."""

    # Workers.
    BEAT_SECONDS: float = 2.0
    """Between two heartbeats of a worker."""
    MAINTAIN_POOL_SECONDS: float = 0.5
    """Between two looks for children that died."""
    TURN_SECONDS: float = 1.0
    """How long a pool's process takes messages itself before it goes back to its parent; 0: never."""
    JOURNAL_TIMEOUT_SECONDS: float = 5.0
    """How long workers and the keeper wait for an answer of Redis."""
    START_PATIENCE_SECONDS: float = 10.0
    """How long a worker that took a message tries to claim its attempt while Redis is away."""
    MESSAGE_TRUSTED_SECONDS: float = 120.0
    """An older message is checked against SQL before it may start."""
    CLOCK_SKEW_SECONDS: float = 10.0
    """How far apart the clocks of two hosts may be."""
    PROGRESS_SECONDS: float = 0.5
    """Between two reports of progress of one job at least."""

    # The keeper.
    RECORD_BATCH_SIZE: int = 500
    """Journal entries in one transaction on SQLite, where others wait for it; PostgreSQL takes four times as many."""
    RECORD_LINGER_SECONDS: float = 0.02
    """How long a batch waits to fill."""
    RECORD_LINGER_BUSY_SECONDS: float = 0.09
    """Under load, from one batch to the next: a batch costs some milliseconds whatever its size."""
    RECORD_PAUSE_SECONDS: float = 0.002
    """Between two transactions, so that others get to write."""
    TAKE_OVER_SECONDS: float = 5.0
    """After that long a keeper records what another was given and did not settle."""
    DISPATCH_SECONDS: float = 0.25
    """Between two looks for jobs that have fallen due."""
    DUTY_SECONDS: float = 1.0
    """Between two rounds of the leader's other duties, the sample among them."""
    DUTY_BATCH_SIZE: int = 500
    """Jobs that one round of a duty takes."""
    REPUBLISH_GRACE_SECONDS: float = 5.0
    """How much older than its queue's oldest message a job must be to be published again."""
    RESCUE_AFTER_SECONDS: float = 8.0
    """A worker whose beat stood still that long is gone; its attempts are ended as lost."""
    RESCUE_UNLISTED_BEATS: int = 2
    """Beats after its start that don't list an attempt, until it counts as lost."""
    LEADER_LEASE_SECONDS: float = 5.0
    """How long a leading keeper that died stays the leader."""
    ACCOUNT_SECONDS: float = 30.0
    """Between two counts of jobs that are on no way to an end."""
    CLAIM_KEPT_SECONDS: int = 300
    """How long a claim is kept after its attempt's outcome was recorded."""
    IDEMPOTENCY_KEPT_SECONDS: int = 86_400
    """How long an idempotency key finds its first job."""

    # Retention.
    PRUNE_SECONDS: float = 60.0
    """Between two looks for what is past its keeping time."""
    PRUNE_BATCH_SIZE: int = 100
    """Jobs deleted in one transaction: on SQLite others write only after it."""
    KEEP_FINAL_SECONDS: float = 30 * 86_400.0
    """How long ended jobs are kept. Dead ones only once their letter is discarded."""
    KEEP_FINAL_SECONDS_OF: Mapping[str, float] = field(default_factory=dict)
    """Exceptions by "queue/state", either of which may be *, as in {"low/succeeded": 86_400}."""
    KEEP_BODIES_SECONDS: float | None = None
    """How long payloads, results, logs and tracebacks are kept; None: as long as their jobs."""
    KEEP_BODIES_SECONDS_OF: Mapping[str, float] = field(default_factory=dict)
    """Exceptions, written likewise."""

    # Releases.
    RELEASE: str = ""
    """What runs here, as a revision. Workers that run another are marked, open pages ask to be reloaded."""

    # Dead letters: operations on many, and who is told when a group of them changes its state (nobody).
    OPERATION_SECONDS: float = 0.2
    """Between two rounds of an operation on many dead letters."""
    OPERATION_RATE_PER_SECOND: float = 100.0
    """Letters a second, unless an operation says otherwise."""
    OPERATION_RATE_MAX_PER_SECOND: float = 2_000.0
    """What an operation may ask for at most."""
    OPERATION_BATCH_SIZE: int = 50
    """Letters in one transaction."""
    OPERATION_STOP_ABOVE_PERCENT: float = 25.0
    """An operation stops when more of what it requeued dies again."""
    ALERT_WEBHOOK_URL: str = ""
    """Is posted to when a group of dead letters changes its state; empty: nobody."""
    ALERT_EMAILS: tuple[str, ...] = ()
    """Are written to then."""
    ALERT_COOLDOWN_SECONDS: float = 300.0
    """Between two such messages about one group at least."""

    # Links from an attempt to where else it is told of. {job_id} {attempt} {task} {queue} {worker} {correlation_id}
    # {root_id} {error_type} {started_at} {finished_at} stand for what they say; empty: no link.
    LOG_URL_TEMPLATE: str = ""
    """Where the attempt's log lines are found."""
    TRACE_URL_TEMPLATE: str = ""
    """Where its trace is found."""
    SENTRY_URL_TEMPLATE: str = ""
    """Where its error is found."""

    # The audit trail.
    AUDIT_APPEND_ONLY: bool = True
    """False only in tests: what empties a test database between them deletes its rows too."""

    # The HTTP API and the socket.
    TRUST_LOOPBACK: bool = False
    """True only for the web process of the embedded stack, in debug."""
    SECRET_KEYS: str = (
        r"(?i)passw|passphrase|pwd|secret|token|authorization|api[_-]?key|access[_-]?key|private[_-]?key"
        r"|credential|cookie|cvv|card[_-]?number"
    )
    """A pattern: what stands under such a name is never shown."""
    BODY_MAX_BYTES: int = 2_097_152
    """Of a request: a full payload with every character escaped, and the fields around it."""
    BULK_BODY_MAX_BYTES: int = 16_777_216
    """Of a request that submits many."""
    BULK_MAX_TASKS: int = 10_000
    """Jobs in one such request."""
    LIST_TIMEOUT_SECONDS: float = 2.0
    """A list that takes longer is stopped, and the caller asked to narrow it."""
    REQUESTS_PER_MINUTE: int = 12_000
    """Of one user or address; more are answered 429."""
    CANCEL_WAIT_SECONDS: float = 2.0
    """How long a cancel waits to see a running job stop."""
    SAMPLE_STALE_SECONDS: float = 3.0
    """A sample that is older is not shown; rows are counted instead."""
    SOCKETS_PER_USER: int = 300
    """Live connections of one user."""
    SOCKET_RECHECK_SECONDS: float = 60.0
    """Between two looks whether a live connection is still allowed."""

    # From where on a number on the dashboard is amber, and from where on red.
    WAIT_WARN_SECONDS: float = 60.0
    """The oldest waiting job: amber from here on."""
    WAIT_ALARM_SECONDS: float = 600.0
    """And red."""
    FAILURE_WARN_PERCENT: float = 5.0
    """Attempts that failed in five minutes: amber from here on."""
    FAILURE_ALARM_PERCENT: float = 25.0
    """And red."""
    LAG_WARN_SECONDS: float = 5.0
    """The journal's lag: amber from here on."""
    OVERDUE_WARN_SECONDS: float = 60.0
    """A periodic task that is late: amber from here on."""
    SKEW_WARN_SECONDS: float = 2.0
    """A worker's clock that differs: amber from here on."""


@cache
def _read() -> Conf:
    given = dict(getattr(settings, "TASKQUEUE", {}))
    known = {known.name for known in fields(Conf)}
    unknown = sorted(set(given) - known)
    if unknown:
        raise ImproperlyConfigured(
            f"TASKQUEUE has unknown settings: {', '.join(unknown)}. Known are: {', '.join(sorted(known))}."
        )
    if "QUEUES" in given:
        given["QUEUES"] = tuple(given["QUEUES"])
    return Conf(**given)


def current() -> Conf:
    return _read()


def release() -> str:
    """What runs here: the revision that was deployed, else the version that is installed."""
    return current().RELEASE or _installed_version()


@cache
def _installed_version() -> str:
    try:
        return metadata.version("tally")
    except metadata.PackageNotFoundError:
        return "development"


def forget() -> None:
    """Read the settings again: they were overridden."""
    _read.cache_clear()
