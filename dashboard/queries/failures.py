"""Groups of failures as the triage pages show them: the list, and one group with where and when it strikes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.db.models.fields.json import KeyTextTransform

from dashboard.queries import progress
from dashboard.queries.progress import Progress
from dlq import counting
from dlq import queries as letters_queries
from dlq.counting import By
from dlq.models import DeadLetter, Group, Note, Operation, Resolution, Triage
from dlq.queries import GroupRow
from jobs.api.search import Asking, SearchInvalid
from jobs.domain.actors import Actor
from jobs.models import Action, Attempt

LISTED = 50
TIMELINE_HOURS = 7 * 24
_SAMPLE = 300
_OPERATIONS_SEARCHED = 50
_OPERATIONS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the newest letters have one value."""

    value: str
    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class GroupDetail:
    """`hours` are the deaths in each of the last seven days' hours, oldest first."""

    row: GroupRow
    letters: list[DeadLetter]
    newest: DeadLetter | None
    oldest: DeadLetter | None
    spread: list[tuple[str, list[Share]]]
    hours: list[int]
    notes: list[Note]
    actions: list[Action]
    operations: list[Progress]

    @property
    def running(self) -> Progress | None:
        return next((one for one in self.operations if one.operation.is_active), None)


def with_fingerprint(value: str, _asking: Asking) -> Q:
    """`fp:…` in the search language: jobs that died of that failure, by the index of groups."""
    return Q(id__in=DeadLetter.objects.filter(group=value).values("job_id"))


def with_letter(value: str, _asking: Asking) -> Q:
    """`letter:…` in the search language: jobs with a dead letter of that resolution. Nearly every dead job has an
    open one, so that is looked up job by job; of the others there are few, so they are found from the letters."""
    if value not in Resolution.values:
        raise SearchInvalid(f"There is no resolution {value!r}. There are: {', '.join(Resolution.values)}.")
    letters = DeadLetter.objects.filter(resolution=value)
    if value == Resolution.OPEN:
        return Q(Exists(letters.filter(job=OuterRef("pk"))))
    return Q(id__in=letters.values("job_id"))


def listed(*, window: str, status: str, among: tuple[By, str] | None, now: datetime) -> list[GroupRow]:
    states = {"undecided": letters_queries.UNDECIDED, "all": Triage.values}.get(status, (status,))
    return letters_queries.ranked(window=window, now=now, states=states, among=among, limit=LISTED)


def sinces(*, now: datetime) -> dict[str, str]:
    """Window → the first moment counted in it, for the links that lead from a number to what it counts."""
    return {name: counting.since(name, now=now).isoformat() for name in counting.WINDOWS}


def read(fingerprint: str, *, actor: Actor, now: datetime) -> GroupDetail | None:
    group = Group.objects.filter(fingerprint=fingerprint).first()
    if group is None:
        return None
    letters = DeadLetter.objects.filter(group=group).select_related("job").defer("job__payload", "job__result")
    hours = counting.hours([fingerprint], now=now, count=TIMELINE_HOURS)[fingerprint]
    counts = counting.windows([fingerprint], now=now)[fingerprint]
    return GroupDetail(
        row=GroupRow(group, counts, hours[-24:]),
        letters=list(letters.defer("traceback", "payload").order_by("-id")[:25]),
        newest=letters.order_by("-id").first(),
        oldest=letters.order_by("id").first(),
        spread=_spread(fingerprint),
        hours=hours,
        notes=list(Note.objects.filter(group=group).order_by("-id")[:20]),
        actions=_actions(fingerprint) if actor.may("jobs.view_action") else [],
        operations=_operations(group),
    )


def operations() -> list[Operation]:
    return list(Operation.objects.defer("filter").order_by("-id")[:LISTED])


def _operations(group: Group) -> list[Progress]:
    fingerprint: Any = KeyTextTransform("fingerprint", "filter")
    latest = Operation.objects.annotate(of_group=fingerprint).order_by("-id").values_list("id", "of_group")
    ids = [id_ for id_, of_group in latest[:_OPERATIONS_SEARCHED] if of_group == group.fingerprint]
    own = Operation.objects.filter(id__in=ids[:_OPERATIONS_SHOWN]).order_by("-id")
    return [progress.of(operation, group=group) for operation in own]


def _spread(fingerprint: str) -> list[tuple[str, list[Share]]]:
    """Of the newest letters, by task, queue, worker and reason: a sample, however many there are."""
    newest = DeadLetter.objects.filter(group=fingerprint).order_by("-id")
    letters = list(newest.values_list("job_id", "attempts", "task", "queue", "reason")[:_SAMPLE])
    last = {(job_id, number) for job_id, number, *_ in letters}
    attempts = Attempt.objects.filter(job_id__in=[job_id for job_id, _ in last])
    workers = [
        worker
        for job_id, number, worker in attempts.values_list("job_id", "number", "worker")
        if worker and (job_id, number) in last
    ]
    columns = [
        ("task", [task for _, _, task, _, _ in letters]),
        ("queue", [queue for _, _, _, queue, _ in letters]),
        ("worker", workers),
        ("reason", [reason for *_, reason in letters]),
    ]
    return [(name, _shares(values)) for name, values in columns if values]


def _shares(values: Iterable[str]) -> list[Share]:
    totals = Counter(values)
    total = totals.total()
    return [Share(value, count, round(100 * count / total, 1)) for value, count in totals.most_common(6)]


def _actions(fingerprint: str) -> list[Action]:
    return list(Action.objects.filter(object=f"group:{fingerprint}").order_by("-id")[:20])
