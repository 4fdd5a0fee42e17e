"""A measured load: many small jobs on every queue at once, and afterwards what became of each of them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from django.db.models import Count

from jobs.broker import connections, heartbeats
from jobs.conf import current
from jobs.domain.actors import Actor
from jobs.domain.states import FINAL, Source, State
from jobs.intake import submission
from jobs.intake.drafts import Draft
from jobs.models import Attempt, Job

TASK = "noop"
_LOOK_SECONDS = 0.25
_STALLED_SECONDS = 60.0

Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Wave:
    """What one queue gets. The payloads are those of the sample tasks; the work is none, so the queue is what is measured."""

    queue: str
    kind: str
    jobs: int
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of the jobs. `duplicated`: executed more often than they should have been."""

    succeeded: int
    lost: int
    duplicated: int
    dead: int

    def __str__(self) -> str:
        return f"lost {self.lost} · duplicated {self.duplicated} · dead {self.dead}"

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.duplicated or self.dead)


def plan(jobs: int) -> list[Wave]:
    """A fifth each on high and low, the rest on default."""
    mail = {"to": "user@example.com", "subject": "Welcome aboard!", "body": "Thanks for signing up."}
    report = {"report_type": "monthly_summary", "user_id": "usr_12345", "date_range": "last_30_days"}
    fifth = jobs // 5
    return [
        Wave("high", "email", fifth, mail),
        Wave("default", "data processing", jobs - 2 * fifth, {"dataset": "events", "rows": 1000}),
        Wave("low", "report", fifth, report),
    ]


def unserved(waves: list[Wave]) -> list[str]:
    """The queues for which no live worker was heard of."""
    live = heartbeats.live(connections.patient(), within_seconds=current().RESCUE_AFTER_SECONDS)
    served = {queue for beat in live for queue in beat.queues}
    return [wave.queue for wave in waves if wave.queue not in served]


@dataclass(slots=True)
class Load:
    actor: Actor
    id: str = field(default_factory=lambda: f"loadtest-{uuid4().hex[:12]}")

    def submit(self, wave: Wave, *, tell: Tell) -> float:
        """Submit the wave; the seconds it took."""
        began, batch = time.monotonic(), current().PUBLISH_BATCH_SIZE
        for first in range(0, wave.jobs, batch):
            size = min(batch, wave.jobs - first)
            drafts = [
                Draft(task=TASK, payload={**wave.payload, "number": n}, queue=wave.queue, correlation_id=self.id)
                for n in range(first, first + size)
            ]
            submission.submit_many(drafts, actor=self.actor, source=Source.COMMAND)
            tell(size)
        return time.monotonic() - began

    def drain(self, *, seconds: float) -> Iterator[int]:
        """Yields how many have ended, until all have, nothing moves for a minute, or the time is up."""
        give_up_at = time.monotonic() + seconds
        ended, moved_at = -1, time.monotonic()
        while time.monotonic() < give_up_at and time.monotonic() - moved_at < _STALLED_SECONDS:
            is_over = not self._jobs().exclude(state__in=sorted(FINAL)).exists()
            found = self._jobs().filter(state__in=sorted(FINAL)).count()
            if found != ended:
                ended, moved_at = found, time.monotonic()
            yield ended
            if is_over:
                return
            time.sleep(_LOOK_SECONDS)

    def fate(self, *, submitted: int) -> Fate:
        states = dict(self._jobs().order_by().values_list("state").annotate(n=Count("id")))
        again = Attempt.objects.filter(job__correlation_id=self.id, number__gt=1)
        late = Attempt.objects.filter(job__correlation_id=self.id).exclude(late_outcome="")
        return Fate(
            succeeded=states.get(State.SUCCEEDED, 0),
            lost=submitted - states.get(State.SUCCEEDED, 0) - states.get(State.DEAD, 0),
            duplicated=again.count() + late.count(),
            dead=states.get(State.DEAD, 0),
        )

    def _jobs(self) -> Any:
        return Job.objects.filter(correlation_id=self.id)
