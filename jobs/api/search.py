"""The search language of lists: `state:dead,running task:send_email -queue:low age:>10m error:"timed out"`.

Words joined by spaces must all hold, values joined by commas are alternatives, `-` negates, quotes keep spaces.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Q, TextField
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast
from django.db.models.lookups import GreaterThan, In, LessThan
from django.utils.dateparse import parse_date, parse_datetime

from jobs import conf
from jobs.domain.actors import Actor
from jobs.domain.errors import TallyError
from jobs.domain.states import CELERY_STATUS, Source, State
from jobs.intake import storable
from jobs.models import Attempt, Job

MAX_CHARACTERS, MAX_WORDS = 1_000, 30

_WORD = re.compile(r"""(?P<minus>-?)(?:(?P<field>[A-Za-z_][\w.]*):)?(?P<values>(?:"[^"]*"|[^\s"])+)""")
_VALUE = re.compile(r'"([^"]*)"|([^,"]+)')
_COMPARISON = re.compile(r"^(>=|<=|>|<|=)?(.+)$")
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)?$")
_UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, None: 1}
_LOOKUP = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "=": "exact", None: "exact"}
_HEX_AT_LEAST = 6
_ATTEMPTS_OF_A_WORKER = 10_000


class SearchInvalid(TallyError):
    """A word means nothing here; the message says which, and what would."""

    code = "search_invalid"


@dataclass(frozen=True, slots=True)
class Asking:
    now: datetime
    actor: Actor


@dataclass(frozen=True, slots=True)
class Search:
    """`where` is what the rows must be; `states` those asked for by name; `fields` what was asked about."""

    where: Q = field(default_factory=Q)
    states: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()


Meaning = Callable[[str, Asking], Q]


def parse(text: str, *, asking: Asking) -> Search:
    if len(text) > MAX_CHARACTERS or storable.mend_text(text) != text:
        raise SearchInvalid(f"A search is text of at most {MAX_CHARACTERS} characters.")
    where, states, fields = Q(), set[str](), set[str]()
    for match in _words(text):
        name, values = (match["field"] or "").lower(), _values(match["values"])
        meaning = _meaning(name, asked=match["field"] or "")
        either = Q()
        for value in values:
            either |= meaning(value, asking)
        where &= ~either if match["minus"] else either
        fields.add(name.partition(".")[0])
        if name == "state" and not match["minus"]:
            states.update(value.lower() for value in values)
    return Search(where, frozenset(states), frozenset(fields))


def fields() -> list[str]:
    return sorted([*_FIELDS, "args"])


def add_field(name: str, meaning: Meaning) -> None:
    """Apps above the queue add what they know of jobs."""
    _FIELDS[name] = meaning


def ids_from(text: str) -> tuple[UUID, UUID] | None:
    """The ids that begin like this, when it can be an id's beginning at all."""
    digits = text.lower().replace("-", "")
    if not _HEX_AT_LEAST <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def _words(text: str) -> list[re.Match[str]]:
    if text.count('"') % 2:
        raise SearchInvalid("A quote is not closed.")
    found, place = [], 0
    while rest := text[place:].lstrip():
        start = len(text) - len(rest)
        match = _WORD.match(text, start)
        if match is None:
            raise SearchInvalid(
                f"Character {start + 1}: this can't be read; a value is missing or a quote stands in its way."
            )
        if not match["field"] and re.fullmatch(r"[a-z][a-z.]*:", match["values"]):
            raise SearchInvalid(f"{match['values']} wants a value after the colon.")
        found.append(match)
        place = match.end()
    if len(found) > MAX_WORDS:
        raise SearchInvalid(f"A search has at most {MAX_WORDS} words.")
    return found


def _values(text: str) -> list[str]:
    values = [quoted or plain for quoted, plain in _VALUE.findall(text)]
    if not any(values):
        raise SearchInvalid(f"{text}: there is no value here.")
    return [value for value in values if value]


def _meaning(name: str, *, asked: str) -> Meaning:
    if name.startswith("args."):
        return lambda value, asking: _argument(asked.split(".")[1:], value, asking)
    if not name:
        return _anything
    if name not in _FIELDS:
        raise SearchInvalid(f"There is no field {name!r}. There are: {', '.join(fields())}.")
    return _FIELDS[name]


def _anything(value: str, _asking: Asking) -> Q:
    ids = ids_from(value)
    if ids is not None:
        return Q(id__range=ids)
    return Q(task__startswith=value.removesuffix("*")) | Q(correlation_id=value)


def _state(value: str, _asking: Asking) -> Q:
    lower = value.lower()
    if lower in set(State):
        return Q(state=lower)
    celery = [state for state, status in CELERY_STATUS.items() if status == value.upper()]
    if celery:
        return Q(state__in=celery)
    raise SearchInvalid(f"There is no state {value!r}. There are: {', '.join(State)}.")


def _queue(value: str, _asking: Asking) -> Q:
    if value not in conf.current().QUEUES:
        raise SearchInvalid(f"There is no queue {value!r}. There are: {', '.join(conf.current().QUEUES)}.")
    return Q(queue=value)


def _task(value: str, _asking: Asking) -> Q:
    return Q(task__startswith=value[:-1]) if value.endswith("*") else Q(task=value)


def _worker(value: str, _asking: Asking) -> Q:
    """Of the newest attempts it ran: a worker may have run millions, and nobody turns that many pages."""
    newest = Attempt.objects.filter(worker=value).order_by("-job_id").values("job_id")
    return Q(id__in=newest[:_ATTEMPTS_OF_A_WORKER])


def _id(value: str, _asking: Asking) -> Q:
    ids = ids_from(value)
    if ids is None:
        raise SearchInvalid(f"{value!r} is no beginning of an id: give at least {_HEX_AT_LEAST} hexadecimal digits.")
    return Q(id__range=ids)


def _tag(value: str, _asking: Asking) -> Q:
    return Q(id__in=Job.objects.tagged(value).values("id"))


def _error(value: str, asking: Asking) -> Q:
    """Whoever may not see error texts can't find out about them by asking."""
    meant = Q(error_type__endswith=value)
    if asking.actor.may("jobs.view_payload"):
        meant |= Q(error__icontains=value)
    return ~Q(error_type="") & meant


def _source(value: str, _asking: Asking) -> Q:
    if value not in set(Source):
        raise SearchInvalid(f"There is no source {value!r}. There are: {', '.join(Source)}.")
    return Q(source=value)


def _attempt(value: str, _asking: Asking) -> Q:
    sign, number = _compared(value)
    if not (number.isascii() and number.isdecimal() and len(number) < 9):
        raise SearchInvalid(f"attempt:{value}: give a number, as in attempt:>2.")
    return Q(**{f"attempt__{_LOOKUP[sign]}": int(number)})


def _age(value: str, asking: Asking) -> Q:
    sign, duration = _compared(value)
    then = asking.now - _duration(duration)
    return Q(created_at__gt=then) if sign in ("<", "<=") else Q(created_at__lt=then)


def _run(value: str, _asking: Asking) -> Q:
    sign, duration = _compared(value)
    compare: Any = LessThan if sign in ("<", "<=") else GreaterThan
    took = compare(F("finished_at") - F("started_at"), _duration(duration))
    return Q(finished_at__isnull=False, started_at__isnull=False) & Q(took)


def _created(value: str, _asking: Asking) -> Q:
    sign, _ = _compared(value)
    if sign:
        return Q(**{f"created_at__{_LOOKUP[sign]}": _moment(_compared(value)[1])})
    first, dots, last = value.partition("..")
    within = Q(created_at__gte=_moment(first)) if first else Q()
    if not dots:
        return within & Q(created_at__lt=_moment(first) + timedelta(days=1))
    return within & Q(created_at__lt=_end(last)) if last else within


def _argument(path: list[str], value: str, asking: Asking) -> Q:
    asking.actor.require("jobs.view_payload")
    if not all(path):
        raise SearchInvalid("args. wants a name after the dot, as in args.user_id:usr_1.")
    found: Any = F("payload")
    for part in path[:-1]:
        found = KeyTransform(part, found)
    found = Cast(KeyTextTransform(path[-1], found), TextField())
    said = {"true": ("true", "1"), "false": ("false", "0")}.get(value, (value,))
    return Q(In(found, said))


def _compared(value: str) -> tuple[str | None, str]:
    match = _COMPARISON.match(value)
    if match is None:
        raise SearchInvalid(f"{value!r}: there is no value here.")
    return match[1], match[2]


def _duration(text: str) -> timedelta:
    match = _DURATION.match(text)
    seconds = float(match[1]) * _UNIT_SECONDS[match[2]] if match else float("inf")
    if seconds > 100 * 366 * 86_400:
        raise SearchInvalid(f"{text!r} is no duration: give one like 30s, 10m, 2h or 7d.")
    return timedelta(seconds=seconds)


def _moment(text: str) -> datetime:
    try:
        day = parse_date(text)
        found = datetime.combine(day, time(), tzinfo=UTC) if day else parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise SearchInvalid(f"{text!r} is no date: give one like 2026-11-20 or 2026-11-20T14:00Z.")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _end(text: str) -> datetime:
    is_day = len(text) == len("2026-11-20")
    return _moment(text) + timedelta(days=1) if is_day else _moment(text)


_FIELDS: dict[str, Meaning] = {
    "state": _state,
    "queue": _queue,
    "task": _task,
    "worker": _worker,
    "id": _id,
    "tag": _tag,
    "error": _error,
    "actor": lambda value, _asking: Q(submitted_by=value),
    "source": _source,
    "correlation": lambda value, _asking: Q(correlation_id=value),
    "key": lambda value, _asking: Q(idempotency_key=value) & ~Q(idempotency_key=""),
    "parent": lambda value, asking: Q(parent_id__in=Job.objects.filter(_id(value, asking)).values("id")[:1]),
    "attempt": _attempt,
    "age": _age,
    "run": _run,
    "created": _created,
}
