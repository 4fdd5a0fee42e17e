"""What a caller wants, and the Job row it becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from jobs import conf, tracing
from jobs.domain.actors import Actor
from jobs.domain.errors import TallyError
from jobs.domain.states import Source, State
from jobs.intake import registry, storable
from jobs.lifecycle import moving
from jobs.models import Job, making
from jobs.models.ids import uuid7

TAGS_MAX, TAG_MAX_CHARACTERS, CORRELATION_MAX_CHARACTERS = 20, 50, 200


class DraftInvalid(TallyError):
    """Something about a submission, other than its payload, is wrong; `field` says what."""

    code = "draft_invalid"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field, self.message = field, message


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a job stands among others."""

    parent_id: UUID | None = None
    root_id: UUID | None = None
    group_id: str = ""
    group_index: int | None = None
    chord_id: str = ""


_ALONE = Lineage()


@dataclass(frozen=True, slots=True)
class Draft:
    """A submission that has not been made yet. `max_retries` −1: as the task says; None: without end."""

    task: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    args: Sequence[Any] = ()
    queue: str | None = None
    delay_seconds: float | None = None
    run_at: datetime | None = None
    expires_at: datetime | None = None
    max_retries: int | None = -1
    tags: Sequence[str] = ()
    correlation_id: str = ""
    idempotency_key: str = ""
    request_hash: str = ""  # of the request as it came, where that is what two submissions under one key must share
    id: UUID | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    follows: Mapping[str, Any] | None = None
    lineage: Lineage = _ALONE
    trusted: bool = False  # what the queue itself submits is not validated: it fails visibly in the worker


OPTIONS = frozenset(
    {"queue", "delay_seconds", "run_at", "expires_at", "max_retries", "tags", "correlation_id", "idempotency_key"}
)


def draft_of(spec: registry.TaskSpec, arguments: Mapping[str, Any]) -> Draft:
    """Split what was given by name: `run_at`, `queue`, `tags` … are options, unless the task has such an argument."""
    own = OPTIONS - spec.schema.names
    options = {name: value for name, value in arguments.items() if name in own}
    payload = {name: value for name, value in arguments.items() if name not in own}
    return Draft(task=spec.name, payload=payload, **options)


def make_job(draft: Draft, *, actor: Actor, source: Source, now: datetime) -> Job:
    spec = None if draft.trusted and registry.find(draft.task) is None else registry.get(draft.task)
    args, payload = _arguments(draft, spec)
    run_at = _run_at(draft, now=now)
    state = moving.initial_state(run_at=run_at, now=now)
    queued_at = now if state is State.QUEUED else None
    max_retries = draft.max_retries
    if max_retries == -1:
        max_retries = spec.max_retries if spec else 0
    given = {
        "id": draft.id or uuid7(),
        "task": draft.task,
        "queue": registry.known_queue(draft.queue or (spec.options.queue if spec else conf.current().QUEUES[0])),
        "args": args,
        "payload": payload,
        "options": _options(draft),
        "sensitive": bool(spec and spec.options.sensitive),
        "state": state,
        "max_retries": _not_negative("max_retries", max_retries),
        "created_at": now,
        "run_at": run_at if state is State.SCHEDULED else None,
        "queued_at": queued_at,
        "published_at": queued_at,
        "expires_at": _expires_at(draft, now=now),
        "source": source,
        "submitted_by": actor.name[:150],
        "idempotency_key": _key(draft.idempotency_key),
        "correlation_id": _short("correlation_id", draft.correlation_id, CORRELATION_MAX_CHARACTERS),
        "tags": _tags(draft.tags),
        "follows": _follows(draft.follows),
        "parent_id": draft.lineage.parent_id,
        "root_id": draft.lineage.root_id,
        "group_id": draft.lineage.group_id,
        "group_index": draft.lineage.group_index,
        "chord_id": draft.lineage.chord_id,
    }
    return making.new(Job, given)


def _arguments(draft: Draft, spec: registry.TaskSpec | None) -> tuple[list[Any], dict[str, Any]]:
    args, payload = list(draft.args), dict(draft.payload)
    if spec is not None and not draft.trusted:
        args, payload = spec.schema.name_arguments(args, payload)
    kept_args, kept_payload = _storable(args) if args else [], _storable(payload)
    if spec is not None and not draft.trusted:
        spec.schema.validate(args, payload)
    return kept_args, kept_payload


def _options(draft: Draft) -> dict[str, Any]:
    """With the trace that is open here, unless the draft names one."""
    options, carried = dict(draft.options), tracing.carried()
    if carried and not tracing.of_options(options):
        options["headers"] = {**(options.get("headers") or {}), **carried}
    return options


def _storable(value: Any) -> Any:
    limits = conf.current()
    return storable.accept(
        value, what="payload", max_bytes=limits.PAYLOAD_MAX_BYTES, max_depth=limits.PAYLOAD_MAX_DEPTH
    )


def _follows(signatures: Mapping[str, Any] | None) -> Any:
    return storable.accept(signatures, what="follows", max_bytes=4_194_304, max_depth=128) if signatures else None


def _run_at(draft: Draft, *, now: datetime) -> datetime | None:
    if draft.run_at is not None and draft.delay_seconds is not None:
        raise DraftInvalid("delay_seconds", "Give either delay_seconds or run_at, not both.")
    if draft.delay_seconds is None:
        return _moment("run_at", draft.run_at)
    if isinstance(draft.delay_seconds, bool) or not isinstance(draft.delay_seconds, int | float):
        raise DraftInvalid("delay_seconds", "Give a number of seconds.")
    try:
        return now + timedelta(seconds=draft.delay_seconds)
    except (OverflowError, ValueError):
        raise DraftInvalid("delay_seconds", "That is beyond the end of the calendar.") from None


def _expires_at(draft: Draft, *, now: datetime) -> datetime | None:
    expires_at = _moment("expires_at", draft.expires_at)
    if expires_at is not None and expires_at <= now and not draft.trusted:
        raise DraftInvalid("expires_at", "That has passed already.")
    return expires_at


def _moment(name: str, value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise DraftInvalid(name, "Give a datetime with a time zone.")
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise DraftInvalid(name, "That is beyond the end of the calendar.") from None
    return value


def _not_negative(name: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 32_767:
        raise DraftInvalid(name, "Give a number from 0 to 32767.")
    return value


def _key(key: object) -> str:
    if not isinstance(key, str) or len(key) > 200 or not key.isascii() or not (key.isprintable() or not key):
        raise DraftInvalid("idempotency_key", "At most 200 printable ASCII characters.")
    return key


def _short(name: str, text: object, limit: int) -> str:
    if not isinstance(text, str) or len(text) > limit:
        raise DraftInvalid(name, f"Give text of at most {limit} characters.")
    return str(storable.accept(text, what=name, max_bytes=limit * 6, max_depth=1)) if text else ""


def _tags(tags: object) -> list[str]:
    if not isinstance(tags, list | tuple | set | frozenset) or len(tags) > TAGS_MAX:
        raise DraftInvalid("tags", f"Give a list of at most {TAGS_MAX} tags.")
    if not all(isinstance(tag, str) and 0 < len(tag) <= TAG_MAX_CHARACTERS for tag in tags):
        raise DraftInvalid("tags", f"Each tag is text of 1 to {TAG_MAX_CHARACTERS} characters.")
    return [_short("tags", tag, TAG_MAX_CHARACTERS) for tag in tags]
