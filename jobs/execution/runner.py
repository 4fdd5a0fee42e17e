"""One attempt, top to bottom: may it start, win the claim, run the body, decide what follows, journal the outcome."""

import inspect
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

from asgiref.sync import async_to_sync
from billiard.common import terminate_handler_fired
from celery.app.task import Task
from celery.exceptions import Ignore, SoftTimeLimitExceeded
from celery.exceptions import Retry as CeleryRetry

from jobs import phases, tracing
from jobs.broker import claims, connections, message, mirror
from jobs.broker.message import Delivery
from jobs.domain.retry import Next
from jobs.domain.states import Event, Outcome
from jobs.execution import adoption, context, endings, identity, logs, trust, turn, verdicts
from jobs.execution.ledger import Ledger, RedisLedger, Run
from jobs.execution.trust import Says
from jobs.execution.verdicts import Ending
from jobs.intake import registry

logger = logging.getLogger(__name__)

_redis = RedisLedger()


def run_message(task: Task[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run the attempt that the message being handled names, if it may start."""
    request = task.request
    delivery = message.read(vars(request))
    if delivery is None:
        adoption.journal_now(adoption.of_request(request, args, kwargs))
        raise Ignore("adopted: the keeper makes it a job and sends it again")
    taken = turn.taken_of(request)
    if taken is not None and taken.won_ms is not None:
        run = _run_of(request, delivery, token=taken.token)
        return run_attempt(task, args, kwargs, run=run, delivery=delivery, ledger=_redis, started_ms=taken.won_ms)
    now = datetime.now(UTC)
    if delivery.expires_at is not None and delivery.expires_at <= now:
        _expire(delivery)
        raise Ignore("expired before it started")
    said = _ask_if_suspicious(request, delivery, now=now)
    if said is Says.NO_JOB:
        adoption.journal_now(adoption.of_request(request, args, kwargs))
    if said is not Says.DUE:
        _count_if_duplicate(said)
        raise Ignore(f"not started: {said}")
    if delivery.sealed:
        args, kwargs = _unseal(delivery)
    run = _run_of(request, delivery, token=secrets.token_hex(8))
    return run_attempt(task, args, kwargs, run=run, delivery=delivery, ledger=_redis)


def _run_of(request: Any, delivery: Delivery, *, token: str) -> Run:
    return Run(
        job_id=delivery.job_id,
        attempt=delivery.attempt,
        by=identity.executor(request.hostname or ""),
        token=token,
        queued_ms=_ms(delivery.queued_at),
    )


def run_attempt(
    task: Task[Any, Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    run: Run,
    delivery: Delivery,
    ledger: Ledger,
    started_ms: int | None = None,
) -> Any:
    """Claim (unless that is done), run, journal. Raises what Celery must see: Ignore, Retry, or the error itself."""
    if started_ms is None:
        started_ms = ledger.start(run, is_due=lambda: trust.ask(delivery) is Says.DUE)
    if started_ms is None:
        raise Ignore("another process holds this attempt, or it is not due any more: a duplicate was suppressed")
    request = task.request  # Celery looks it up in a stack of the thread, each time
    _tell("started", task, run, delivery)
    _enter(task, request, run, delivery, ledger)
    began = time.monotonic()
    spec = registry.spec_of(task)
    policy = verdicts.policy_of(spec, delivery.max_retries)
    error: BaseException | None = None
    value: Any = None
    try:
        with tracing.span(task.name, headers=vars(request), job_id=run.job_id, attempt=run.attempt):
            value = _call(task, request, args, kwargs)
        ending = verdicts.of_result(value, delivery.budget, policy)
    except BaseException as raised:  # noqa: BLE001  (the one place: whatever the body raises is an outcome)
        error = raised
        if _is_told_to_stop():
            ending = verdicts.of_outcome(Outcome.INTERRUPTED, delivery.budget, policy, failure=endings.INTERRUPTED)
        else:
            exhausted = getattr(request, "tally_exhausted", False)
            ending = verdicts.of_error(raised, delivery.budget, policy, spec, exhausted=exhausted)
    run_seconds = time.monotonic() - began
    context.leave()
    log = logs.end()
    _finish(partial(ledger.finish, run, ending, started_ms=started_ms, run_seconds=run_seconds, log=log))
    _tell("ended", task, run, delivery, outcome=str(ending.outcome), run_seconds=round(run_seconds, 4))
    return _answer(ending, value, error)


def _tell(phase: str, task: Task[Any, Any], run: Run, delivery: Delivery, **more: object) -> None:
    if not phases.are_told():
        return
    phases.tell(
        phase,
        job_id=run.job_id,
        task=task.name,
        attempt=run.attempt,
        worker=run.by.worker,
        pid=run.by.pid,
        correlation_id=delivery.correlation_id,
        traceparent=delivery.traceparent,
        **more,
    )


def _finish(finish: Callable[[], bool]) -> None:
    """A limit or a shutdown that strikes after the body waits until the outcome is written; twice writes it once."""
    told: SystemExit | None = None
    while True:
        try:
            finish()
        except SoftTimeLimitExceeded:
            continue
        except SystemExit as exit_:
            told = exit_
            continue
        break
    if told is not None:
        raise told


def _call(task: Task[Any, Any], request: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    value = task.run(*args, **kwargs)
    if inspect.iscoroutine(value):
        value = _await(value)
    asked = getattr(request, "tally_retry", None)  # self.retry(throw=False)
    if asked is not None:
        raise asked
    return value


def _await(coroutine: Any) -> Any:
    async def body() -> Any:
        return await coroutine

    return async_to_sync(body)()


def _answer(ending: Ending, value: Any, error: BaseException | None) -> Any:
    """What Celery is told, so that its log lines and signals say the same as the journal."""
    if ending.verdict.next is Next.SUCCEED:
        return value
    if ending.verdict.next is Next.CANCEL:
        raise Ignore("cancelled")
    if error is None:
        raise RuntimeError(ending.failure.message)
    if ending.outcome is Outcome.INTERRUPTED:
        raise error
    if ending.verdict.next is Next.RETRY:
        cause = error.exc if isinstance(error, CeleryRetry) else error
        raise CeleryRetry(ending.failure.message, exc=_as_exception(cause), when=round(ending.verdict.wait_seconds, 3))
    if isinstance(error, SystemExit | KeyboardInterrupt | Ignore | CeleryRetry):
        raise RuntimeError(ending.failure.message) from error
    raise error


def _as_exception(error: BaseException | None) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(repr(error))


def _is_told_to_stop() -> bool:
    """Whether this process was; a `sys.exit()` of the body itself is a failure like any other."""
    return bool(terminate_handler_fired())


def _limit_seconds(task: Task[Any, Any], request: Any) -> float | None:
    """The hard limit of this attempt."""
    given = request.timelimit[0] if request.timelimit else None
    limit: float | None = given or task.time_limit or _limit_of_all(task.app)
    return limit


@cache
def _limit_of_all(app: Any) -> float | None:
    """Looked up once: Celery searches several mappings for a setting."""
    limit: float | None = app.conf.task_time_limit
    return limit


def _ask_if_suspicious(request: Any, delivery: Delivery, *, now: datetime) -> Says:
    try:
        suspicious = turn.taken_of(request) is not None or trust.needs_a_look(delivery, now=now)
    except connections.Unavailable:
        suspicious = True
    if not suspicious:
        return Says.DUE
    turn.say_undecided(request)
    said = trust.ask(delivery)
    if said is Says.DUE:
        turn.say_starts(request)
    return said


def _count_if_duplicate(said: Says) -> None:
    if said is Says.NOT_DUE:
        with suppress(*connections.Unavailable):
            claims.count_duplicate(connections.patient())


def _unseal(delivery: Delivery) -> tuple[tuple[Any, ...], dict[str, Any]]:
    found = trust.payload_of(delivery.job_id)
    if found is None:
        raise Ignore("its payload can't be read now; the keeper sends it again")
    return tuple(found[0]), found[1]


def _expire(delivery: Delivery) -> None:
    try:
        claims.withdraw(connections.patient(), job_id=delivery.job_id, attempt=delivery.attempt, event=Event.EXPIRED)
    except connections.Unavailable as error:
        logger.warning("Redis is away (%s): the keeper lets job %s expire.", error, delivery.job_id)


def _enter(task: Task[Any, Any], request: Any, run: Run, delivery: Delivery, ledger: Ledger) -> None:
    logs.begin()
    spent = delivery.budget.failures
    seconds = _limit_seconds(task, request)
    context.enter(
        context.JobContext(
            id=run.job_id,
            task=task.name,
            attempt=run.attempt,
            max_attempts=None if delivery.max_retries is None else run.attempt + delivery.max_retries - spent,
            deadline=datetime.now(UTC) + timedelta(seconds=seconds) if seconds else None,
            report=ledger.report,
            is_cancel_requested=_cancel_asker(run.job_id),
            now_ms=ledger.now_ms,
        )
    )


def _cancel_asker(job_id: str) -> Callable[[], bool]:
    def is_requested() -> bool:
        try:
            return mirror.is_to_stop(connections.hasty(), job_id=job_id)
        except connections.Unavailable:
            return False

    return is_requested


def _ms(moment: datetime | None) -> int | None:
    return int(moment.timestamp() * 1000) if moment else None
