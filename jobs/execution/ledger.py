"""Where an attempt's start and end are written: the claim and the journal in Redis, or SQL itself in eager mode."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from jobs import conf
from jobs.broker import claims, connections, entries, journal, line, taking
from jobs.domain.journal import Ended, Executor, Progressed, Started
from jobs.domain.states import Outcome
from jobs.execution import turn, verdicts
from jobs.lifecycle import recording

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt that is about to be made."""

    job_id: str
    attempt: int
    by: Executor
    token: str
    queued_ms: int | None


class Ledger(Protocol):
    def start(self, run: Run, *, is_due: Callable[[], bool]) -> int | None:
        """Win the attempt: its start in milliseconds, or None when it is somebody else's, or no longer due."""

    def finish(self, run: Run, ending: verdicts.Ending, *, started_ms: int, run_seconds: float, log: str) -> bool: ...

    def report(self, progress: Progressed) -> None: ...

    def now_ms(self) -> int: ...


def ended_of(run: Run, ending: verdicts.Ending, *, at_ms: int, started_ms: int, run_seconds: float, log: str) -> Ended:
    return Ended(
        job_id=run.job_id,
        attempt=run.attempt,
        at_ms=at_ms,
        outcome=ending.outcome,
        verdict=ending.verdict,
        by=run.by,
        started_ms=started_ms,
        queued_ms=run.queued_ms,
        run_seconds=run_seconds,
        result=ending.result,
        failure=ending.failure,
        log=log,
    )


class RedisLedger:
    """What workers use. A start gives up after a while, an end never does: it holds a result."""

    def start(self, run: Run, *, is_due: Callable[[], bool]) -> int | None:
        give_up_at = time.monotonic() + conf.current().START_PATIENCE_SECONDS
        wait = 0.1
        while True:
            try:
                answer = claims.start(
                    line.mine(),
                    job_id=run.job_id,
                    attempt=run.attempt,
                    by=run.by,
                    token=run.token,
                    queued_ms=run.queued_ms,
                )
            except connections.Unavailable as error:
                if time.monotonic() > give_up_at:
                    logger.warning(
                        "Redis is away (%s): job %s is left to the keeper, which sends it again.", error, run.job_id
                    )
                    return None
                time.sleep(wait)
                wait = min(wait * 2, 1.0)
                if not is_due():  # the Redis that comes back may have forgotten the claim
                    return None
                continue
            return answer.won_ms

    def finish(self, run: Run, ending: verdicts.Ending, *, started_ms: int, run_seconds: float, log: str) -> bool:
        ended = ended_of(run, ending, at_ms=0, started_ms=started_ms, run_seconds=run_seconds, log=log)
        body = entries.ended_body(ended)
        wait = 0.1
        while True:
            try:
                return self._finish(
                    job_id=run.job_id,
                    attempt=run.attempt,
                    incarnation=run.by.incarnation,
                    outcome=ending.outcome,
                    body=body,
                    token=run.token,
                    note_late=ending.outcome is not Outcome.INTERRUPTED,  # the parent has said why
                )
            except connections.Unavailable as error:
                turn.stop()
                logger.warning("Redis is away (%s): the outcome of job %s is held and tried again.", error, run.job_id)
                time.sleep(wait)
                wait = min(wait * 2, 2.0)

    def _finish(self, **ended: Any) -> bool:
        wish = turn.wish()
        if wish is None:
            return claims.finish(line.mine(), **ended)
        recorded, taken = taking.finish(line.mine(), wish=wish, **ended)
        turn.take(taken)
        return recorded

    def report(self, progress: Progressed) -> None:
        try:
            journal.report_progress(connections.hasty(), progress)
        except connections.Unavailable as error:
            logger.debug("progress of job %s not shown: %s", progress.job_id, error)

    def now_ms(self) -> int:
        return int(time.time() * 1000)


class SqlLedger:
    """What eager mode uses: the rows are written at once, and Redis need not be there."""

    def start(self, run: Run, *, is_due: Callable[[], bool]) -> int | None:
        now_ms = self.now_ms()
        recording.record([Started(run.job_id, run.attempt, now_ms, run.by, run.queued_ms)])
        return now_ms

    def finish(self, run: Run, ending: verdicts.Ending, *, started_ms: int, run_seconds: float, log: str) -> bool:
        ended = ended_of(run, ending, at_ms=self.now_ms(), started_ms=started_ms, run_seconds=run_seconds, log=log)
        recording.record([ended])
        return True

    def report(self, progress: Progressed) -> None:
        recording.record([progress])

    def now_ms(self) -> int:
        return int(time.time() * 1000)
