"""Log lines as JSON: one object a line, with what a phase tells and the job that is running."""

import json
import logging
import sys
from typing import Any

from jobs.execution import context
from jobs.execution.context import JobContext
from taskqueue_project.jsonlogs import JsonFormatter


def formatted(message: str, *arguments: object, exc_info: Any = None, **extra: Any) -> dict[str, Any]:
    record = logging.LogRecord("shop", logging.WARNING, __file__, 1, message, arguments, exc_info)
    vars(record).update(extra)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    line: dict[str, Any] = json.loads(text)
    return line


def test_a_line_has_its_time_level_logger_and_message() -> None:
    line = formatted("customer %d is gone", 17)
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", "shop", "customer 17 is gone")
    assert line["at"].endswith("+00:00")


def test_what_a_phase_tells_stands_beside_it() -> None:
    line = formatted("started", tally={"phase": "started", "job_id": "0192", "attempt": 2})
    assert (line["phase"], line["job_id"], line["attempt"]) == ("started", "0192", 2)


def test_an_exception_stays_in_its_line() -> None:
    try:
        raise ValueError("row 17")
    except ValueError:
        line = formatted("broken", exc_info=sys.exc_info())
    assert "ValueError: row 17" in line["exception"]


def test_a_line_from_inside_a_job_says_which() -> None:
    job = JobContext("0192", "send_email", 3, 6, None, lambda _p: None, lambda: False, lambda: 0)
    context.enter(job)
    try:
        line = formatted("dialling")
    finally:
        context.leave()
    assert (line["job_id"], line["attempt"], line["task"]) == ("0192", 3, "send_email")
