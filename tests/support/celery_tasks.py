"""Tasks as people write them who have only Celery: `self.retry`, `autoretry_for`, parts of canvas."""

from typing import Any

from celery import shared_task

from tests.support.sample_tasks import Flaky, leave_mark


@shared_task(name="celery_retry", bind=True, max_retries=2, default_retry_delay=1)
def celery_retry(self: Any, marks: str, *, how: str = "plain") -> str:
    leave_mark(marks, "ran")
    match how:
        case "plain":
            raise self.retry(countdown=1)
        case "exc":
            raise self.retry(exc=Flaky("from celery"), countdown=0.1)
        case "max_retries":
            raise self.retry(exc=Flaky("from celery"), countdown=0.1, max_retries=1)
        case "quiet":
            if self.request.retries == 0:
                self.retry(countdown=0.1, throw=False)
            return f"after {self.request.retries}"
    raise ValueError(how)


@shared_task(
    name="celery_autoretry",
    autoretry_for=(Flaky,),
    retry_backoff=2,
    retry_backoff_max=3,
    retry_jitter=False,
    max_retries=3,
)
def celery_autoretry(kind: str = "flaky") -> None:
    raise Flaky(kind) if kind == "flaky" else ValueError(kind)


@shared_task(name="celery_plain")
def celery_plain(marks: str, *, fails: bool = False) -> str:
    leave_mark(marks, "ran")
    if fails:
        raise Flaky("a plain Celery task is not retried")
    return "plain"


@shared_task(name="add")
def add(x: int, y: int) -> int:
    return x + y


@shared_task(name="total")
def total(numbers: list[int]) -> int:
    return sum(numbers)


@shared_task(name="note_error")
def note_error(marks: str, *, job_id: str = "") -> str:
    leave_mark(marks, f"error {job_id}")
    return "noted"


@shared_task(name="errback")
def errback(failed_id: str) -> str:
    return f"saw {failed_id}"


@shared_task(name="submits_others", bind=True)
def submits_others(self: Any, count: int) -> list[str]:
    return [add.delay(number, 1).id for number in range(count)]
