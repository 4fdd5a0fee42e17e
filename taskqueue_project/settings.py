"""Every setting of the project, read once from the environment (`env.py`).

The Celery block gives the reason beside each value; the queue's own settings are the `TASKQUEUE` dict.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import environ
from kombu import Exchange, Queue

from taskqueue_project import env

ENV = env.load_or_exit(os.environ)
BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = ENV.secret_key
DEBUG = ENV.debug
ALLOWED_HOSTS = ENV.allowed_hosts
CSRF_TRUSTED_ORIGINS = ENV.csrf_trusted_origins

INSTALLED_APPS = [
    "taskqueue_project.adminapp.TallyAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_results",
    "django_celery_beat",
    "taskqueue_project",
    "jobs",
    "dlq",
    "dashboard",
]

MIDDLEWARE = [
    "jobs.api.middleware.PlainErrors",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "taskqueue_project.urls"
ASGI_APPLICATION = "taskqueue_project.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
STATIC_ROOT = ENV.data_dir / "static"
WHITENOISE_USE_FINDERS = True  # a fresh checkout collects nothing first
with suppress(OSError):  # whitenoise warns of a directory that isn't there
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)
LOGIN_URL = "admin:login"

# --- SQL ---------------------------------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {"default": environ.Env.db_url_config(ENV.database_url)}
_default = DATABASES["default"]
_default["CONN_MAX_AGE"] = 0  # under ASGI a persistent connection outlives its thread
if _default["ENGINE"].endswith("sqlite3"):
    _default["OPTIONS"] = {
        "timeout": 20,
        # A deferred transaction that turns into a write fails at once with "database is locked"; an immediate one waits.
        "transaction_mode": "IMMEDIATE",
        # FULL: an acknowledged submission survives a power cut (0.5 ms at the median).
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;",
    }
    _default.setdefault("TEST", {})["NAME"] = str(ENV.data_dir / "test.sqlite3")
elif _default["ENGINE"].endswith("postgresql"):
    # A server that does not answer is an error to be told soon, not a request that hangs. What runs once a job is planned
    # once; behind a pooler that hands a session to many, and knows no prepared statements, this must be None.
    _default["OPTIONS"] = {"connect_timeout": 3, "prepare_threshold": 5, **_default.get("OPTIONS", {})}

# --- Redis -------------------------------------------------------------------------------------------------------
BROKER_URL = ENV.redis_database(0)
JOURNAL_URL = ENV.redis_database(1)
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [ENV.redis_database(2)]},
    }
}

# --- The queue ---------------------------------------------------------------------------------------------------
TASKQUEUE = {
    "QUEUES": ("high", "default", "low"),
    "JOURNAL_URL": JOURNAL_URL,
    # Only what `up` started, and only in debug, takes loopback peers for the local developer.
    "TRUST_LOOPBACK": ENV.started_by_up and ENV.debug,
    "RELEASE": ENV.release,
    "RETRY_TIME_SCALE": ENV.retry_time_scale,
    "DEMO_TIME_SCALE": ENV.demo_time_scale,
    "DEMO_FAILURE_SCALE": ENV.demo_failure_scale,
}

# Django's own tasks, from Django 6.0 on or with the backport in INSTALLED_APPS: functions under @task become jobs.
TASKS = {"default": {"BACKEND": "jobs.django_tasks.TallyBackend", "QUEUES": ["high", "default", "low"]}}

# --- Celery ------------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = BROKER_URL
CELERY_TIMEZONE = TIME_ZONE
CELERY_ENABLE_UTC = True
# No pickle: whoever can write to Redis must not be able to run code.
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# Jobs answer from their rows; other results go where django-celery-results keeps them.
CELERY_RESULT_BACKEND = "jobs.execution.results:JobBackend"
CELERY_TASK_IGNORE_RESULT = True  # the journal carries results; a second write per job would cost four statements
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # the keeper decides whether another attempt is due, never the broker
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "ack_emulation": False,  # claims replace acknowledgements: three round trips less per job
    "priority_steps": [0],  # one list per queue, so that lengths and tails are looked up in the right one
    "queue_order_strategy": "priority",  # a worker of several queues serves them in the order of its -Q
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 25,
    # Never retry_on_timeout: it switches Producer.batch off.
}
CELERY_WORKER_DISABLE_PREFETCH = True  # a message leaves Redis only when a process is free
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 0}  # a caller never waits; the keeper publishes what failed
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker outlives any outage
CELERY_BROKER_CHANNEL_ERROR_RETRY = True  # a read-only or full Redis is an outage, not a reason to exit
# Direct queues on the default exchange: a flushed Redis keeps routing, a topic exchange would drop messages silently.
CELERY_TASK_QUEUES = [Queue(name, Exchange(""), routing_key=name) for name in ("high", "default", "low")]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_DEFAULT_EXCHANGE = ""
CELERY_TASK_DEFAULT_ROUTING_KEY = "default"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_WORKER_DISABLE_RATE_LIMITS = True  # a rate limit parks popped messages in memory
CELERY_WORKER_SEND_TASK_EVENTS = False  # events cost two thirds of the speed; Flower may switch them on
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = (
    8.0  # with REMAP_SIGTERM=SIGQUIT: what a running job gets before it is interrupted
)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "jobs.execution.schedule:SlotScheduler"
CELERY_BEAT_SYNC_EVERY = 1  # when each schedule last ran is in SQL at once: an overdue one is told from it
if "TALLY_DRILL_WITNESS" in os.environ:
    CELERY_IMPORTS = ["taskqueue_project.drill.witness"]

# --- HTTP API ----------------------------------------------------------------------------------------------------
# The views of the API name their own authentication, parsers and errors: jobs/api/views.py.
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "jobs.api.openapi.Describer"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tally",
    "DESCRIPTION": "A task queue that can account for every job.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "ENUM_NAME_OVERRIDES": {
        "TaskStatus": "jobs.api.tasks.STATUSES",
        "TaskState": "jobs.api.tasks.STATES",
        "GroupState": "dlq.models.group.Triage",
        "OperationState": "dlq.models.operation.OperationState",
    },
    "PREPROCESSING_HOOKS": ["jobs.api.schema.one_form_of_each_path"],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "jobs.api.schema.describe_payloads"],
}

# --- HTTPS (TALLY_HTTPS=1) ---------------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = ENV.https
SECURE_HSTS_SECONDS = 31_536_000 if ENV.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = (
    ENV.https
)  # below a host name of Tally's own there is nothing else
# Probes and Prometheus ask the process itself, without the proxy that ends TLS.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)/?$"]
# Without a proxy anybody could write the header, and a plain connection would pass for a safe one.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.behind_proxy else None
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"},
        "json": {"()": "taskqueue_project.jsonlogs.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": ENV.log_format}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django.server": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
        "channels_redis": {"level": "CRITICAL"},  # a traceback every second of an outage; the feed says it once
        # Two lines a job, the second with its result: they cost, and they tell what a payload may hide. The rows tell more.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        # One line for each phase of every job, with its ids: for machines that collect them.
        "jobs.phases": {"level": "INFO" if ENV.log_format == "json" else "WARNING"},
        "django.tasks": {"level": "WARNING"},
        "django_tasks": {"level": "WARNING"},
    },
}
