"""Groups of failures and operations on them, as the triage pages show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from dlq import queries as letters_queries
from dlq.models import DeadLetter, Group, Note, Operation, OperationItem, Triage
from dlq.queries import GroupRow
from jobs.api.search import Asking
from jobs.domain.actors import Actor
from jobs.models import Action

LISTED = 50
_SAMPLE = 500


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the newest letters have one value."""

    value: str
    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class GroupDetail:
    row: GroupRow
    letters: list[DeadLetter]
    newest: DeadLetter | None
    oldest: DeadLetter | None
    spread: list[tuple[str, list[Share]]]
    notes: list[Note]
    actions: list[Action]
    operations: list[Operation]


@dataclass(frozen=True, slots=True)
class OperationDetail:
    operation: Operation
    troubles: list[OperationItem]
    group: Group | None
    percent: float


def with_fingerprint(value: str, _asking: Asking) -> Q:
    """`fp:…` in the search language: jobs that died of that failure, by the index of groups."""
    return Q(id__in=DeadLetter.objects.filter(group=value).values("job_id"))


def listed(*, window: str, status: str, now: datetime) -> list[GroupRow]:
    states = {"undecided": letters_queries.UNDECIDED, "all": Triage.values}.get(status, (status,))
    return letters_queries.ranked(window=window, now=now, states=states, limit=LISTED)


def read(fingerprint: str, *, actor: Actor, now: datetime) -> GroupDetail | None:
    group = Group.objects.filter(fingerprint=fingerprint).first()
    if group is None:
        return None
    letters = DeadLetter.objects.filter(group=group).select_related("job").defer("job__payload", "job__result")
    newest = list(letters.defer("traceback", "payload").order_by("-id")[:25])
    return GroupDetail(
        row=letters_queries.with_counts([group], now=now, hours=True)[0],
        letters=newest,
        newest=letters.order_by("-id").first(),
        oldest=letters.order_by("id").first(),
        spread=_spread(fingerprint),
        notes=list(Note.objects.filter(group=group).order_by("-id")[:20]),
        actions=_actions(fingerprint) if actor.may("jobs.view_action") else [],
        operations=[o for o in Operation.objects.order_by("-id")[:50] if o.filter.get("fingerprint") == fingerprint],
    )


def operations() -> list[Operation]:
    return list(Operation.objects.order_by("-id")[:LISTED])


def operation(operation_id: UUID) -> OperationDetail | None:
    found = Operation.objects.filter(id=operation_id).first()
    if found is None:
        return None
    troubles = OperationItem.objects.filter(operation=found, outcome__in=["failed", "skipped"]).order_by("id")[:20]
    group = Group.objects.filter(fingerprint=found.filter.get("fingerprint", "")).first()
    over = found.done + found.failed + found.skipped
    return OperationDetail(found, list(troubles), group, 100 * over / found.matched if found.matched else 0.0)


def _spread(fingerprint: str) -> list[tuple[str, list[Share]]]:
    """Of the newest letters, by queue, task and reason: a sample, however many there are."""
    newest = DeadLetter.objects.filter(group=fingerprint).order_by("-id").values_list("id", flat=True)[:_SAMPLE]
    counted = (
        DeadLetter.objects.filter(id__in=list(newest))
        .order_by()
        .values("queue", "task", "reason")
        .annotate(n=Count("id"))
    )
    rows: list[Any] = list(counted)
    return [(name, _shares(rows, name)) for name in ("task", "queue", "reason")]


def _shares(rows: list[Any], name: str) -> list[Share]:
    totals: dict[str, int] = {}
    for row in rows:
        totals[row[name]] = totals.get(row[name], 0) + row["n"]
    total = sum(totals.values()) or 1
    ordered = sorted(totals.items(), key=lambda item: -item[1])[:6]
    return [Share(value, count, round(100 * count / total, 1)) for value, count in ordered]


def _actions(fingerprint: str) -> list[Action]:
    return list(Action.objects.filter(object=f"group:{fingerprint}").order_by("-id")[:20])
