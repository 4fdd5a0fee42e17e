"""Log lines as JSON, one object a line (TALLY_LOG_FORMAT=json); what is logged inside a job says which."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_job(),
            **getattr(record, "tally", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def _job() -> dict[str, object]:
    """Not imported for a log line: where no job has run, none runs now."""
    context = sys.modules.get("jobs.execution.context")
    if context is None or not context.is_inside():
        return {}
    job = context.current()
    return {"job_id": job.id, "attempt": job.attempt, "task": job.task}
