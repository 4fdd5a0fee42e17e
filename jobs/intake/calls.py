"""Celery's way of calling a task, translated: `countdown`, `eta`, `link` and the rest become a draft, or a clear refusal."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from celery.app.task import Task
from celery.canvas import Signature

from jobs.domain.errors import TallyError
from jobs.intake.drafts import Draft, Lineage

# They say how Celery should send a message; the publisher decides that here.
_ABOUT_SENDING = frozenset(
    {
        "add_to_parent", "compression", "connection", "delivery_mode", "exchange", "exchange_type", "ignore_result",
        "immutable", "mandatory", "immediate", "producer", "publisher", "publish_connection", "reply_to", "retries",
        "retry", "retry_policy", "result_cls", "route_name", "router", "self", "serializer", "shadow", "subtask_type",
        "task_type", "chord_size", "expiration", "replaced_task_nesting", "argsrepr", "kwargsrepr", "cached", "logfile", "loglevel", "throw",
    }
)  # fmt: skip
_REFUSED = {
    "priority": "A priority is a queue here: pass queue='high', 'default' or 'low'.",
    "stamped_headers": "Stamping is not supported: pass tags through `headers`, or use Tally's own tags.",
}


class OptionRefused(TallyError):
    code = "option_refused"

    def __init__(self, task: str, option: str, why: str) -> None:
        super().__init__(f"{task} can't be called with {option}: {why}")


def draft_of_call(
    name: str,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    options: Mapping[str, Any],
    *,
    parent: Task[Any, Any] | None,
    now: datetime,
) -> Draft:
    """The draft of `apply_async(args, kwargs, **options)`; `parent` is the task that calls, if one does."""
    given = {key: value for key, value in options.items() if value is not None and key not in _ABOUT_SENDING}
    for option, why in _REFUSED.items():
        if given.pop(option, None) is not None:
            raise OptionRefused(name, option, why)
    draft = Draft(
        task=name,
        args=tuple(args or ()),
        payload=dict(kwargs or {}),
        queue=_queue(name, given),
        run_at=_moment(name, "eta", given.pop("eta", None), now=now),
        delay_seconds=_seconds(name, "countdown", given.pop("countdown", None)),
        expires_at=_moment(name, "expires", given.pop("expires", None), now=now),
        max_retries=given.pop("max_retries", -1),
        correlation_id=str(given.pop("correlation_id", "")),
        idempotency_key=str(given.pop("idempotency_key", "")),
        tags=given.pop("tags", ()),
        id=_id(name, given.pop("task_id", None)),
        lineage=_lineage(given, parent),
        follows=_follows(given),
        options=_kept(given),
        trusted=bool(given.pop("trusted", False)),
    )
    if given:
        raise OptionRefused(name, ", ".join(sorted(given)), "no such option is known.")
    return draft


def job_id_of(task_id: object) -> UUID:
    """Celery ids are UUIDs; any other text is mapped to one, always the same."""
    try:
        return task_id if isinstance(task_id, UUID) else UUID(str(task_id))
    except ValueError:
        return uuid5(NAMESPACE_URL, f"tally:{task_id}")


def _queue(name: str, given: dict[str, Any]) -> str | None:
    queue = given.pop("queue", None)
    routing_key = given.pop("routing_key", None)
    if queue is not None and routing_key is not None and routing_key != getattr(queue, "name", queue):
        raise OptionRefused(name, "routing_key", "queues are direct: give queue= alone.")
    chosen = queue if queue is not None else routing_key
    return str(getattr(chosen, "name", chosen)) if chosen is not None else None


def _id(name: str, task_id: object) -> UUID | None:
    if task_id is None or isinstance(task_id, UUID):
        return task_id
    try:
        return UUID(str(task_id))
    except ValueError:
        raise OptionRefused(
            name, "task_id", f"{task_id!r} is no UUID. Use idempotency_key for names of your own."
        ) from None


def _seconds(name: str, option: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OptionRefused(name, option, f"{value!r} is no number of seconds.")
    return float(value)


def _moment(name: str, option: str, value: object, *, now: datetime) -> datetime | None:
    match value:
        case None:
            return None
        case str():
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise OptionRefused(name, option, f"{value!r} is no ISO 8601 time.") from None
            return _moment(name, option, value, now=now)
        case datetime():
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        case _:
            return now + timedelta(seconds=_seconds(name, option, value) or 0.0)


def _lineage(given: dict[str, Any], parent: Task[Any, Any] | None) -> Lineage:
    parent_id, root_id = given.pop("parent_id", None), given.pop("root_id", None)
    if parent is not None:
        parent_id = parent_id or parent.request.id
        root_id = root_id or parent.request.root_id or parent.request.id
    group_id = given.pop("group_id", None) or ""
    return Lineage(
        parent_id=job_id_of(parent_id) if parent_id else None,
        root_id=job_id_of(root_id) if root_id else None,
        group_id=group_id,
        group_index=given.pop("group_index", None),
        chord_id=group_id if given.pop("chord", None) else "",
    )


def _follows(given: dict[str, Any]) -> dict[str, Any] | None:
    """What is submitted when the job ends, as signatures."""
    follows = {
        "link": [_plain(s) for s in _listed(given.pop("link", None))],
        "link_error": [_plain(s) for s in _listed(given.pop("link_error", None))],
        "chain": [_plain(s) for s in _listed(given.pop("chain", None))],
    }
    return {key: value for key, value in follows.items() if value} or None


def follows_of(embedded: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same from a message that carries it."""
    names = {"link": "callbacks", "link_error": "errbacks", "chain": "chain"}
    follows = {key: [_plain(s) for s in _listed(embedded.get(name))] for key, name in names.items()}
    return {key: value for key, value in follows.items() if value} or None


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _plain(signature: Signature[Any] | dict[str, Any]) -> dict[str, Any]:
    return dict(signature)


def _kept(given: dict[str, Any]) -> dict[str, Any]:
    kept = {name: given.pop(name) for name in ("time_limit", "soft_time_limit", "headers", "errback") if name in given}
    return {name: value for name, value in kept.items() if value}
