"""Tasks of another app, as somebody who knows only Celery writes them, and some of ours: to be called, not to be run."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from celery import shared_task

from jobs.shortcuts import task


class Opaque:
    """A type pydantic can make nothing of."""


class Wobbly(Exception):
    """What is retried."""


@task(name="typed", queue="high", max_retries=5)
def typed(
    count: int, name: str, *, ratio: float = 1.0, kind: Literal["a", "b"] = "a", note: str | None = None
) -> None: ...


@task(name="dated", queue="low")
def dated(at: datetime, day: date, amount: Decimal, ref: UUID) -> None: ...


@task(name="untyped")
def untyped(a, b=2):  # type: ignore[no-untyped-def]  # people write such tasks
    return a, b


@task(name="opaque")
def opaque(thing: Opaque, missing: "NowhereDefined") -> None: ...  # type: ignore[name-defined]  # noqa: F821  (on purpose)


@task(name="variadic")
def variadic(first: int, *rest: int, **named: str) -> None: ...


@task(name="positional_only")
def positional_only(first: int, /, second: int = 0) -> None: ...


@task(name="bound", bind=True)
def bound(self: Any, x: int) -> None: ...


@task(name="odd_names")
def odd_names(_hidden: int, model_config: str, json: str, run_at: str = "") -> None: ...


@task(name="secret", sensitive=True)
def secret(card: str) -> None: ...


@shared_task
def plain(x: int, y: int = 1) -> int:
    return x + y


@shared_task(bind=True, max_retries=7, default_retry_delay=9)
def plain_bound(self: Any, x: int) -> int:
    return x


@shared_task(
    autoretry_for=(Wobbly,),
    dont_autoretry_for=(KeyError,),
    retry_backoff=5,
    retry_backoff_max=100,
    retry_jitter=False,
    max_retries=4,
)
def backing_off(x: int) -> int:
    return x


@shared_task(autoretry_for=(Wobbly,), retry_backoff=True)
def backing_off_by_default(x: int) -> int:
    return x


@shared_task(autoretry_for=(Wobbly,), retry_kwargs={"max_retries": 2, "countdown": 11})
def retried_after_a_while(x: int) -> int:
    return x


@shared_task(max_retries=None, time_limit=30, soft_time_limit=20)
def never_given_up(x: int) -> int:
    return x
