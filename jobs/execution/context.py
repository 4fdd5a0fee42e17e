"""What the code of a running job may ask and say: its attempt, its deadline, its progress, whether it was cancelled."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime

from jobs import conf
from jobs.domain.errors import TallyError
from jobs.domain.journal import Progressed
from jobs.intake import storable


class NotInAJob(TallyError):
    code = "not_in_a_job"


class Cancelled(TallyError):
    """Raised by `check_cancelled()` inside a job that somebody cancelled."""

    code = "cancelled"


@dataclass(slots=True)
class JobContext:
    id: str
    task: str
    attempt: int
    max_attempts: int | None
    deadline: datetime | None
    report: Callable[[Progressed], None]
    is_cancel_requested: Callable[[], bool]
    now_ms: Callable[[], int]
    _reported: float = field(default=float("-inf"), init=False)

    @property
    def is_last_attempt(self) -> bool:
        return self.max_attempts is not None and self.attempt >= self.max_attempts

    def progress(self, percent: float | None = None, message: str = "") -> None:
        """Show how far the job is. Cheap to call often: at most two reports a second leave the process."""
        now = time.monotonic()
        if now - self._reported < conf.current().PROGRESS_SECONDS and percent != 100:
            return
        self._reported = now
        bounded = None if percent is None else min(100.0, max(0.0, float(percent)))
        self.report(Progressed(self.id, self.attempt, self.now_ms(), bounded, storable.mend_text(message)))

    def check_cancelled(self) -> None:
        """Raise `Cancelled` when somebody asked for it: the place for a long job to stop cleanly."""
        if self.is_cancel_requested():
            raise Cancelled(f"job {self.id} was cancelled")


_current: ContextVar[JobContext | None] = ContextVar("tally_job", default=None)


def current() -> JobContext:
    """The running job's context."""
    context = _current.get()
    if context is None:
        raise NotInAJob("No job is running here: call this inside a task.")
    return context


def enter(context: JobContext) -> None:
    _current.set(context)


def leave() -> None:
    _current.set(None)


def is_inside() -> bool:
    return _current.get() is not None
