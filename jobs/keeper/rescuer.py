"""Ends the attempts of workers that are gone, as `lost`, so that the jobs run again.

A worker is gone when its beat counter has stood still for a while by this leader's own clock, while Redis answered.
"""

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime

import redis

from jobs import conf
from jobs.broker import claims, connections, entries, heartbeats
from jobs.broker.heartbeats import Beat
from jobs.domain import retry
from jobs.domain.journal import Ended, Executor, Failure
from jobs.domain.retry import Budget
from jobs.domain.states import Outcome
from jobs.models import Attempt

logger = logging.getLogger(__name__)

_FORGET_AFTER_SECONDS = 3600
_NO_BEAT = -1


@dataclass(slots=True)
class Rescuer:
    """What one leader has seen of the beats, on its own monotonic clock."""

    _seen: dict[str, tuple[int, float]] = field(default_factory=dict, init=False)
    _run_id: str = field(default="", init=False)

    def start_over(self) -> None:
        """Redis was away, or this leader is new: nobody has stood still yet."""
        self._seen.clear()

    def run_once(self, now: datetime, *, clock: float | None = None) -> int:
        """`clock`: the monotonic time, for tests."""
        clock = time.monotonic() if clock is None else clock
        client = connections.patient()
        self._notice_restart(client)
        beats = heartbeats.all_of(client)
        running = Attempt.objects.running().select_related("job")
        rescued = 0
        for attempt in running.iterator(chunk_size=500):
            if self._is_gone(attempt, beats.get(attempt.incarnation), clock):
                rescued += rescue(client, attempt)
        self._look_at_idle(client, beats, clock)
        return rescued

    def _notice_restart(self, client: redis.Redis) -> None:
        run_id = str(client.info("server")["run_id"])
        if run_id != self._run_id:
            self.start_over()
            self._run_id = run_id

    def _is_gone(self, attempt: Attempt, beat: Beat | None, clock: float) -> bool:
        stood_still = self._stands_still(attempt.incarnation, beat.counter if beat else _NO_BEAT, clock)
        if stood_still > conf.current().RESCUE_AFTER_SECONDS:
            return True
        if beat is None:
            return False
        unlisted = (str(attempt.job_id), attempt.number) not in beat.claims
        return unlisted and beat.counter >= attempt.beat + conf.current().RESCUE_UNLISTED_BEATS

    def _stands_still(self, incarnation: str, counter: int, clock: float) -> float:
        """A beat that vanished, as a flush takes it, is no sign of life: a live worker beats again in time."""
        known = self._seen.get(incarnation)
        if known is None or counter not in (known[0], _NO_BEAT):
            self._seen[incarnation] = (counter, clock)
            return 0.0
        return clock - known[1]

    def _look_at_idle(self, client: redis.Redis, beats: dict[str, Beat], clock: float) -> None:
        """Keep count of workers that run nothing too, and forget those that have long been gone."""
        for incarnation, beat in beats.items():
            if self._stands_still(incarnation, beat.counter, clock) > _FORGET_AFTER_SECONDS:
                heartbeats.remove(client, incarnation)
                self._seen.pop(incarnation, None)


def rescue(client: redis.Redis, attempt: Attempt) -> int:
    """Finish the attempt as lost on behalf of its worker. 0: its outcome is in the journal already."""
    job = attempt.job
    verdict = retry.lose(Budget(job.failures, job.losses, job.unknowns), max_lost=conf.current().MAX_LOST)
    ended = Ended(
        job_id=str(job.id),
        attempt=attempt.number,
        at_ms=0,
        outcome=Outcome.LOST,
        verdict=verdict,
        by=Executor(attempt.worker, attempt.incarnation, attempt.pid, attempt.beat),
        started_ms=int(attempt.started_at.timestamp() * 1000) if attempt.started_at else None,
        failure=Failure(
            "WorkerLost", f"The worker {attempt.worker} (process {attempt.pid}) was not heard of any more."
        ),
        rescued=True,
    )
    recorded = claims.finish(
        client,
        job_id=str(job.id),
        attempt=attempt.number,
        incarnation=attempt.incarnation,
        outcome=Outcome.LOST,
        body=entries.ended_body(ended),
    )
    if recorded:
        logger.warning(
            "Job %s lost its worker %s in attempt %d: %s.", job.id, attempt.worker, attempt.number, verdict.next
        )
    return int(recorded)
