"""What workers tell the keeper. Each entry stands alone, so the order and the number of its arrivals do not matter."""

from dataclasses import dataclass, field
from typing import Any

from jobs.domain.retry import Budget, Next, Verdict
from jobs.domain.states import Burial, Event, Outcome

EVENT_OF_NEXT: dict[Next, Event] = {
    Next.SUCCEED: Event.SUCCEEDED,
    Next.RETRY: Event.RETRY_GRANTED,
    Next.BURY: Event.BURIED,
    Next.CANCEL: Event.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Executor:
    """Who runs an attempt: a worker's name, one life of its parent process, and the process that runs the body."""

    worker: str = ""
    incarnation: str = ""
    pid: int = 0
    beat: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, as text that can be stored. `frames`: the application's own, outermost first."""

    type: str = ""
    message: str = ""
    traceback: str = ""
    causes: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """An attempt won its claim."""

    job_id: str
    attempt: int
    at_ms: int
    by: Executor
    queued_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt has its one outcome."""

    job_id: str
    attempt: int
    at_ms: int
    outcome: Outcome
    verdict: Verdict
    by: Executor
    started_ms: int | None = None
    queued_ms: int | None = None
    run_seconds: float | None = None
    result: Any = None
    failure: Failure = field(default_factory=Failure)
    log: str = ""
    rescued: bool = False  # the keeper ended it on behalf of a worker that is gone

    @property
    def event(self) -> Event:
        return EVENT_OF_NEXT[self.verdict.next]


@dataclass(frozen=True, slots=True)
class Late:
    """An outcome that came after its attempt was closed: shown, never applied."""

    job_id: str
    attempt: int
    at_ms: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The next claim was won by a cancel or an expiry: the job never starts."""

    job_id: str
    attempt: int
    at_ms: int
    event: Event


@dataclass(frozen=True, slots=True)
class Progressed:
    job_id: str
    attempt: int
    at_ms: int
    percent: float | None
    message: str


@dataclass(frozen=True, slots=True)
class Adopted:
    """A message that no job stands behind: from a stock Celery producer, or one nobody could read (`raw`)."""

    job_id: str
    at_ms: int
    queue: str
    task: str
    args: tuple[Any, ...] = ()
    payload: dict[str, Any] = field(default_factory=dict)
    expires_at: str | None = None
    eta: str | None = None
    raw: str = ""
    reason: Burial | None = None
    follows: dict[str, Any] | None = None
    parent_id: str | None = None
    root_id: str | None = None
    group_id: str = ""
    group_index: int | None = None


Entry = Started | Ended | Late | Withdrawn | Progressed | Adopted


def budget_of(body: dict[str, Any]) -> Budget:
    return Budget(
        failures=int(body.get("failures", 0)), losses=int(body.get("losses", 0)), unknowns=int(body.get("unknowns", 0))
    )
