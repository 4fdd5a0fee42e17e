"""Links from an attempt to its logs, its trace and its error tracker, made from the templates in the settings."""

import re
from urllib.parse import quote

from jobs import conf
from jobs.models import Attempt, Job

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def links(job: Job, attempt: Attempt) -> list[tuple[str, str]]:
    """A placeholder that says nothing is left empty; what is no web address is no link."""
    settings = conf.current()
    templates = {
        "Logs": settings.LOG_URL_TEMPLATE,
        "Trace": settings.TRACE_URL_TEMPLATE,
        "Sentry": settings.SENTRY_URL_TEMPLATE if attempt.error_type else "",
    }
    values = _values(job, attempt)
    return [
        (name, _PLACEHOLDER.sub(lambda found: quote(values.get(found[1], ""), safe=""), template))
        for name, template in templates.items()
        if template.startswith(("https://", "http://"))
    ]


def _values(job: Job, attempt: Attempt) -> dict[str, str]:
    return {
        "job_id": str(job.id),
        "attempt": str(attempt.number),
        "task": job.task,
        "queue": job.queue,
        "worker": attempt.worker,
        "correlation_id": job.correlation_id,
        "root_id": str(job.root_id or job.id),
        "error_type": attempt.error_type,
        "started_at": attempt.started_at.isoformat() if attempt.started_at else "",
        "finished_at": attempt.finished_at.isoformat() if attempt.finished_at else "",
    }
