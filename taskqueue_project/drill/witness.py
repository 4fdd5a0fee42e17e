"""Loaded by the workers of a drilled stack: notes each body that came to a good end, in a file that no kill takes back.

What SQL and Redis say of executions can't be held against them; this can.
"""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from celery.signals import task_success

NAME = "executions.log"
VARIABLE = "TALLY_DRILL_WITNESS"  # the file; set by the drill for its private stack


@task_success.connect
def note(sender: Any = None, **_kwargs: Any) -> None:
    """One append is one line, whoever else writes."""
    file = os.environ.get(VARIABLE)
    job_id = getattr(getattr(sender, "request", None), "id", None)
    if not file or not job_id:
        return
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, f"{job_id}\n".encode())
    finally:
        os.close(handle)


def seen_twice(file: Path | None, job_ids: Iterable[str]) -> set[str]:
    """Those of the jobs whose body came to a good end more than once."""
    if file is None or not file.exists():
        return set()
    counts = Counter(file.read_text(encoding="utf-8").split())
    return {job_id for job_id in job_ids if counts[job_id] > 1}
