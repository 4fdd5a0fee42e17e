"""What the parent process says for a child that can't speak any more: lost, out of time, interrupted, cancelled.

The words wait in an outbox that the heart carries to Redis, so that the event loop never does.
"""

import logging
from collections import deque
from collections.abc import Callable

import redis

from jobs import phases
from jobs.broker import claims, connections, entries
from jobs.broker.message import Delivery
from jobs.domain.journal import Ended, Executor, Failure
from jobs.domain.retry import Next, RetryPolicy, Verdict
from jobs.domain.states import Burial, Outcome
from jobs.execution import identity, verdicts
from jobs.execution.roster import Entry
from jobs.intake import registry

logger = logging.getLogger(__name__)

Word = Callable[[redis.Redis], object]

INTERRUPTED = Failure("Interrupted", "The worker was stopped while the attempt ran.")

outbox: deque[Word] = deque()
_knocks: list[Callable[[], None]] = []


def on_word(knock: Callable[[], None]) -> None:
    """Call this whenever there is something to carry."""
    _knocks[:] = [knock]


def say(word: Word) -> None:
    outbox.append(word)
    for knock in _knocks:
        knock()


def say_first(word: Word) -> None:
    """Say it before the process it is about is stopped and says something else. The event loop waits no longer than a
    publisher would."""
    try:
        word(connections.hasty())
    except connections.Unavailable:
        say(word)


def carry(client: redis.Redis) -> None:
    """Say everything there is to say, in order; what can't be said now stays."""
    while outbox:
        try:
            outbox[0](client)
        except connections.Unavailable:
            raise
        except Exception:  # one word nobody can say must not silence the heart
            logger.exception("A worker's parent had something to say that can't be said.")
        outbox.popleft()


def out_of_time(limit_seconds: float) -> Failure:
    return Failure(
        "TimeLimitExceeded", f"The attempt ran longer than its limit of {limit_seconds:g} s and was stopped."
    )


def close(entry: Entry, outcome: Outcome, failure: Failure) -> Word:
    """The word that ends an attempt with this outcome, unless its own process has ended it before."""
    spec = registry.find(entry.task)
    policy = verdicts.policy_of(spec, entry.delivery.max_retries) if spec else RetryPolicy()
    ending = verdicts.of_outcome(outcome, entry.delivery.budget, policy, failure=failure)
    by = Executor(worker=entry.worker, incarnation=identity.incarnation, pid=entry.pid, beat=identity.beats.value)
    phases.tell(
        "ended",
        job_id=entry.delivery.job_id,
        task=entry.task,
        attempt=entry.delivery.attempt,
        outcome=str(outcome),
        worker=by.worker,
        pid=by.pid,
        told_by="parent",
        correlation_id=entry.delivery.correlation_id,
        traceparent=entry.delivery.traceparent,
    )
    return _word(entry.delivery, outcome, ending.verdict, failure, by, entry)


def close_unstarted(delivery: Delivery, verdict: Verdict, failure: Failure, *, worker: str) -> Word:
    """The word for a message that this worker can't even start."""
    outcome = Outcome.FAILED if verdict.reason else Outcome.INTERRUPTED
    return _word(delivery, outcome, verdict, failure, identity.executor(worker), None)


def close_unreadable(delivery: Delivery, problem: str, *, worker: str) -> Word:
    """The word for a message that is a job's, and that nobody can read."""
    verdict = Verdict(Next.BURY, delivery.budget, reason=Burial.UNDECODABLE)
    return close_unstarted(
        delivery, verdict, Failure("Undecodable", f"The message can't be read: {problem}"), worker=worker
    )


def _word(
    delivery: Delivery, outcome: Outcome, verdict: Verdict, failure: Failure, by: Executor, entry: Entry | None
) -> Word:
    ended = Ended(
        job_id=delivery.job_id,
        attempt=delivery.attempt,
        at_ms=0,
        outcome=outcome,
        verdict=verdict,
        by=by,
        started_ms=entry.started_ms if entry else None,
        queued_ms=entry.queued_ms if entry else None,
        failure=failure,
    )
    body = entries.ended_body(ended)

    def word(client: redis.Redis) -> bool:
        return claims.finish(
            client,
            job_id=delivery.job_id,
            attempt=delivery.attempt,
            incarnation=by.incarnation,
            outcome=outcome,
            body=body,
        )

    return word
