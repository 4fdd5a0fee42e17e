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
    JOURNAL_URL: str = "redis://127.0.0.1:6379/1"
    KEY_PREFIX: str = "tally"

    # Publishing: a caller never waits longer than this for Redis, and after a failure not at all for a while.
    PUBLISH_TIMEOUT_SECONDS: float = 0.25
    BREAKER_SECONDS: float = 3.0
    PUBLISH_BATCH_SIZE: int = 1000
    INSERT_BATCH_SIZE: int = 500

    # What travels and what is kept.
    PAYLOAD_MAX_BYTES: int = 262_144
    PAYLOAD_MAX_DEPTH: int = 32
    RESULT_MAX_BYTES: int = 1_048_576
    LOG_MAX_BYTES: int = 65_536
    TRACEBACK_MAX_BYTES: int = 65_536

    # Budgets.
    MAX_LOST: int = 3
    RETRY_CAP_SECONDS: float = 3600.0
    RETRY_TIME_SCALE: float = 1.0
    DEMO_TIME_SCALE: float = 1.0
    DEMO_FAILURE_SCALE: float = 1.0

    # Workers.
    BEAT_SECONDS: float = 2.0
    MAINTAIN_POOL_SECONDS: float = 0.5
    JOURNAL_TIMEOUT_SECONDS: float = 5.0
    START_PATIENCE_SECONDS: float = 10.0
    MESSAGE_TRUSTED_SECONDS: float = 120.0
    CLOCK_SKEW_SECONDS: float = 10.0  # how far apart the clocks of two hosts may be
    PROGRESS_SECONDS: float = 0.5

    # The keeper.
    RECORD_BATCH_SIZE: int = 500
    RECORD_LINGER_SECONDS: float = 0.02
    RECORD_LINGER_BUSY_SECONDS: float = 0.1  # a batch costs some milliseconds whatever its size
    RECORD_PAUSE_SECONDS: float = 0.002
    TAKE_OVER_SECONDS: float = 5.0
    DISPATCH_SECONDS: float = 0.25
    DUTY_SECONDS: float = 1.0
    DUTY_BATCH_SIZE: int = 500
    REPUBLISH_GRACE_SECONDS: float = 5.0
    RESCUE_AFTER_SECONDS: float = 8.0
    RESCUE_UNLISTED_BEATS: int = 2
    LEADER_LEASE_SECONDS: float = 5.0
    ACCOUNT_SECONDS: float = 30.0
    CLAIM_KEPT_SECONDS: int = 300
    IDEMPOTENCY_KEPT_SECONDS: int = 86_400

    # Retention. Exceptions are by "queue/state", either of which may be *, as in {"low/succeeded": 86_400}.
    PRUNE_SECONDS: float = 60.0
    PRUNE_BATCH_SIZE: int = 500
    KEEP_FINAL_SECONDS: float = 30 * 86_400.0
    KEEP_FINAL_SECONDS_OF: Mapping[str, float] = field(default_factory=dict)
    KEEP_BODIES_SECONDS: float | None = None  # payloads, results and logs; None: as long as their jobs
    KEEP_BODIES_SECONDS_OF: Mapping[str, float] = field(default_factory=dict)

    # What runs here, as a revision or a version. Workers that run another are marked, open pages ask to be reloaded.
    RELEASE: str = ""

    # Dead letters: operations on many, and who is told when a group of them changes its state (nobody).
    OPERATION_SECONDS: float = 0.2
    OPERATION_RATE_PER_SECOND: float = 100.0
    OPERATION_RATE_MAX_PER_SECOND: float = 2_000.0
    OPERATION_BATCH_SIZE: int = 50
    OPERATION_STOP_ABOVE_PERCENT: float = 25.0
    ALERT_WEBHOOK_URL: str = ""
    ALERT_EMAILS: tuple[str, ...] = ()
    ALERT_COOLDOWN_SECONDS: float = 300.0

    # Links from an attempt to where else it is told of. {job_id} {attempt} {task} {queue} {worker} {correlation_id}
    # {root_id} {error_type} {started_at} {finished_at} stand for what they say; empty: no link.
    LOG_URL_TEMPLATE: str = ""
    TRACE_URL_TEMPLATE: str = ""
    SENTRY_URL_TEMPLATE: str = ""

    # The audit trail. False only in tests: what empties a test database between them deletes its rows too.
    AUDIT_APPEND_ONLY: bool = True

    # The HTTP API and the socket.
    TRUST_LOOPBACK: bool = False  # True only for the web process of the embedded stack, in debug
    SECRET_KEYS: str = (
        r"(?i)passw|passphrase|pwd|secret|token|authorization|api[_-]?key|access[_-]?key|private[_-]?key"
        r"|credential|cookie|cvv|card[_-]?number"
    )
    BODY_MAX_BYTES: int = 2_097_152  # a full payload with every character escaped, and the fields around it
    BULK_BODY_MAX_BYTES: int = 16_777_216
    BULK_MAX_TASKS: int = 10_000
    LIST_TIMEOUT_SECONDS: float = 2.0
    REQUESTS_PER_MINUTE: int = 12_000
    CANCEL_WAIT_SECONDS: float = 2.0
    SAMPLE_STALE_SECONDS: float = 3.0
    SOCKETS_PER_USER: int = 300
    SOCKET_RECHECK_SECONDS: float = 60.0

    # From where on a number on the dashboard is amber, and from where on red.
    WAIT_WARN_SECONDS: float = 60.0
    WAIT_ALARM_SECONDS: float = 600.0
    FAILURE_WARN_PERCENT: float = 5.0
    FAILURE_ALARM_PERCENT: float = 25.0
    LAG_WARN_SECONDS: float = 5.0
    OVERDUE_WARN_SECONDS: float = 60.0
    SKEW_WARN_SECONDS: float = 2.0


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
