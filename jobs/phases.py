"""One log line for each phase of a job: submitted, started, ended, recorded; with its id, attempt and correlation id.

They are told at INFO by a logger of their own, which is silent unless logs are JSON: a line costs, and rows tell more.
"""

import logging

from jobs import tracing

logger = logging.getLogger("jobs.phases")


def are_told() -> bool:
    return logger.isEnabledFor(logging.INFO)


def tell(
    phase: str,
    *,
    job_id: object,
    task: str,
    attempt: int = 0,
    correlation_id: str = "",
    traceparent: str = "",
    **more: object,
) -> None:
    """Empty parts are left out. Never a payload, a result or an error's text: logs go where permissions don't."""
    if not are_told():
        return
    known: dict[str, object] = {
        "phase": phase,
        "job_id": str(job_id),
        "task": task,
        "attempt": attempt,
        "correlation_id": correlation_id,
        "trace_id": tracing.trace_id(traceparent),
        **more,
    }
    told = {name: value for name, value in known.items() if value not in (None, "", 0)}
    logger.info("%s %s %s", phase, task, job_id, extra={"tally": told})
