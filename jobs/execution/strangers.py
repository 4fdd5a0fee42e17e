"""Messages that this worker can't run: nobody's job, a task it does not know, a body nobody can read. None is dropped."""

import json
import logging
from functools import partial
from typing import Any

import redis
from celery.worker import strategy

from jobs import conf
from jobs.broker import journal, message
from jobs.broker.message import Delivery
from jobs.domain import retry
from jobs.domain.journal import Adopted, Failure
from jobs.execution import adoption, endings
from jobs.intake import registry

logger = logging.getLogger(__name__)


def receive(task: Any, app: Any, consumer: Any, **options: Any) -> Any:
    """Celery's strategy for our own messages; everybody else's are adopted before Celery holds or drops them."""
    run = strategy.default(task, app, consumer, **options)

    def on_message(received: Any, body: Any, *rest: Any, **more: Any) -> Any:
        return None if take_over(consumer, received, body) else run(received, body, *rest, **more)

    return on_message


class Strategies(dict[str, Any]):
    """How a worker's parent receives each task, those too whose module nobody had imported when it started."""

    def __init__(self, consumer: Any) -> None:
        super().__init__()
        self._consumer = consumer

    def __missing__(self, name: str) -> Any:
        task = registry.discover(name)
        if task is None:
            raise KeyError(name)
        self[name] = task.start_strategy(self._consumer.app, self._consumer)
        return self[name]


def watch(consumer: Any) -> None:
    """Take over what Celery would delete with a log line."""
    consumer.strategies = Strategies(consumer)
    consumer.on_unknown_task = partial(_on_unknown_task, consumer)
    consumer.on_unknown_message = partial(_on_unreadable, consumer, problem="it is no Celery task message")
    consumer.on_invalid_task = lambda _body, received, exc: _on_unreadable(consumer, None, received, problem=str(exc))
    consumer.on_decode_error = lambda received, exc: _on_unreadable(consumer, None, received, problem=str(exc))


def take_over(consumer: Any, received: Any, body: Any = None) -> bool:
    """Adopt or refuse the message; False when it is a job's and can be read."""
    try:
        if _delivery_of(received) is not None:
            adoption.take_apart(received, body)
            return False
        adopted = adoption.read(received, body)
    except adoption.Unreadable as error:
        _on_unreadable(consumer, body, received, problem=str(error) or type(error).__name__)
        return True
    _say(adopted)
    received.ack_log_error(logger, consumer.connection_errors)
    return True


def refuse_raw(raw: bytes | str, *, queue: str, problem: str) -> None:
    """What came from a queue's list and is no message at all."""
    logger.error("What came from queue %s is no message (%s); it becomes a dead job.", queue, problem)
    _say(adoption.of_unreadable(raw, queue=queue, problem=problem))


def _on_unknown_task(consumer: Any, _body: Any, received: Any, _error: Any) -> None:
    if take_over(consumer, received):
        return
    delivery, name = message.read(received.headers), received.headers.get("task")
    if delivery is None:
        return
    verdict = retry.not_know(delivery.budget, time_scale=conf.current().RETRY_TIME_SCALE)
    failure = Failure("UnknownTask", f"No worker here knows a task called {name!r}. Deploy the code that has it.")
    endings.say(endings.close_unstarted(delivery, verdict, failure, worker=consumer.hostname))
    logger.warning(
        "Job %s is of the task %r, which this worker does not know: %s.", delivery.job_id, name, verdict.next
    )
    received.ack_log_error(logger, consumer.connection_errors)


def _on_unreadable(consumer: Any, _body: Any, received: Any, *, problem: str) -> None:
    logger.error("A message can't be read (%s); it becomes a dead job.", problem)
    delivery = _delivery_of(received)
    if delivery is None:
        queue = (received.delivery_info or {}).get("routing_key")
        raw = json.dumps(received._raw, default=repr)  # noqa: SLF001  (kombu's copy of what came over the wire)
        _say(adoption.of_unreadable(raw, queue=queue, problem=problem))
    else:
        endings.say(endings.close_unreadable(delivery, problem, worker=consumer.hostname))
    received.ack_log_error(logger, consumer.connection_errors)


def _delivery_of(received: Any) -> Delivery | None:
    """Our headers, if they are there and whole."""
    try:
        return message.read(received.headers)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _say(adopted: Adopted) -> None:
    def word(client: redis.Redis) -> None:
        journal.report_adopted(client, adopted)

    endings.say(word)
