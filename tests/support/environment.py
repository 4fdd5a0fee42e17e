"""The environment variables of a Tally process in tests: each one named, so that nothing of the developer's leaks in."""

import os
from pathlib import Path

# Waits and simulated work shrink to a tenth or less; the order of events stays the same.
RETRY_TIME_SCALE = "0.05"
DEMO_TIME_SCALE = "0.02"
OURS = ("TALLY_", "DJANGO_", "CELERY_")
SETTINGS = (
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "DATABASE_URL",
    "DEBUG",
    "REDIS_URL",
    "SECRET_KEY",
)


def of(*, database_url: str, redis_url: str, data: Path) -> dict[str, str]:
    """What this project reads, complete: a name left out or empty would be looked up in the checkout's .env."""
    return {
        "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
        "CELERY_SKIP_CHECKS": "1",
        "CSRF_TRUSTED_ORIGINS": "http://testserver",
        "DATABASE_URL": database_url,
        "DEBUG": "0",
        "DJANGO_SETTINGS_MODULE": "taskqueue_project.settings",
        "PYTHONUNBUFFERED": "1",
        "REDIS_URL": redis_url,
        "REMAP_SIGTERM": "SIGQUIT",
        "SECRET_KEY": "only-for-tests-" + "x" * 50,
        "TALLY_BEHIND_PROXY": "0",
        "TALLY_DATA": str(data),
        "TALLY_DEMO_FAILURE_SCALE": "1",
        "TALLY_DEMO_TIME_SCALE": DEMO_TIME_SCALE,
        "TALLY_EMBEDDED": "0",
        "TALLY_ENVIRONMENT": "test",
        "TALLY_HTTPS": "0",
        "TALLY_LOG_FORMAT": "plain",
        "TALLY_RELEASE": "under-test",
        "TALLY_RETRY_TIME_SCALE": RETRY_TIME_SCALE,
    }


def without_ours() -> dict[str, str]:
    """This process's environment without anything that could steer Tally: PATH, HOME, locale and the like."""
    return {name: value for name, value in os.environ.items() if name not in SETTINGS and not name.startswith(OURS)}
