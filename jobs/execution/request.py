"""Celery's request, in the worker's parent: keeps the roster, and speaks for children that died or ran out of time."""

import json
from collections.abc import Callable
from typing import Any

from billiard.einfo import ExceptionWithTraceback
from billiard.exceptions import Terminated, TimeLimitExceeded, WorkerLostError
from celery.worker import state as worker_state
from celery.worker.request import Request

from jobs.broker import message
from jobs.domain.journal import Failure
from jobs.domain.states import Outcome
from jobs.execution import board, endings, roster

_Died = (WorkerLostError, Terminated, SystemExit, KeyboardInterrupt)


class JobRequest(Request):
    def on_accepted(self, pid: int, time_accepted: float) -> None:
        super().on_accepted(pid, time_accepted)
        delivery = message.read(self._request_dict)
        if delivery is not None:
            roster.add(
                roster.Entry(
                    delivery=delivery,
                    task=self._type,
                    worker=self._hostname or "",
                    pid=pid,
                    started_ms=int(self.time_start * 1000),
                )
            )

    def info_now(self, *, safe: bool) -> dict[str, Any] | None:
        """`info` of what its process runs by now, which may be something that it took itself; None for nothing."""
        info: dict[str, Any] = self.info(safe=safe)
        taken = board.instead()
        given = board.name_of(self.id, self._request_dict.get("attempt")), self.worker_pid or 0
        if given not in taken:
            return info
        run = taken[given]
        return None if run is None else info | _info_of(run)

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        """Also called for the hard time limit, before Celery's `on_timeout` and before the process is stopped."""
        error = exc_info.exception
        error = error.exc if isinstance(error, ExceptionWithTraceback) else error
        is_stopping = worker_state.should_terminate or self._already_cancelled
        if isinstance(error, TimeLimitExceeded) and not is_stopping:
            self._close(Outcome.TIMED_OUT, endings.out_of_time(error.args[0]), say=endings.say_first)
        elif isinstance(error, (*_Died, TimeLimitExceeded)) and not return_ok:
            if is_stopping:
                self._close(Outcome.INTERRUPTED, endings.INTERRUPTED)
            else:
                self._close(Outcome.LOST, Failure("WorkerLost", f"The process that ran the attempt died: {error}"))
        return super().on_failure(exc_info, send_failed_event, return_ok)

    def acknowledge(self) -> None:
        roster.remove(self.id)
        super().acknowledge()

    def reject(self, requeue: bool = False) -> None:
        """Never back to the queue by the broker: the keeper sends the next attempt."""
        roster.remove(self.id)
        super().reject(requeue=False)

    def _close(self, outcome: Outcome, failure: Failure, *, say: Callable[[endings.Word], None] = endings.say) -> None:
        delivery = message.read(self._request_dict)
        entry = roster.now_instead_of(self.id, delivery.attempt) if delivery is not None else None
        if entry is not None:
            say(endings.close(entry, outcome, failure))
        roster.remove(self.id)


def _info_of(run: board.Run) -> dict[str, Any]:
    sent = json.loads(run.sent)
    headers = sent["headers"]
    return {
        "id": headers["id"],
        "name": headers["task"],
        "type": headers["task"],
        "args": headers.get("argsrepr"),
        "kwargs": headers.get("kwargsrepr"),
        "time_start": run.since_ms / 1000,
        "delivery_info": sent["properties"].get("delivery_info"),
    }
