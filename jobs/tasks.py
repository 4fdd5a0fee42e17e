"""The sample tasks: simulated mail, payments, reports. Their durations and failure rates scale by the environment."""

import random
import time
import uuid
from collections.abc import Iterator
from typing import Any

from jobs import conf
from jobs.shortcuts import Discard, current_job, task

MAIL = {"to": "user@example.com", "subject": "Welcome aboard!", "body": "Thanks for signing up."}
PAYMENT = {"user_id": "usr_12345", "amount": 99.99, "currency": "USD"}
REPORT = {"report_type": "monthly_summary", "user_id": "usr_12345", "date_range": "last_30_days"}
PIPELINE = {"source": "s3://bucket/input", "destination": "s3://bucket/output", "record_count": 1000}


class SimulatedFailure(Exception):
    """What a service on the other side would answer on a bad day."""


@task(name="send_email", queue="high", max_retries=5, time_limit_seconds=60, example=MAIL)
def send_email(to: str, subject: str, body: str) -> dict[str, Any]:
    """An SMTP call."""
    _work(1, 3)
    _maybe_fail(0.10, "SMTP server answered 451: try again later")
    return {"status": "sent", "to": to, "subject": subject, "message_id": str(uuid.uuid4())}


@task(name="process_payment", queue="high", max_retries=3, time_limit_seconds=60, example=PAYMENT)
def process_payment(user_id: str, amount: float, currency: str) -> dict[str, Any]:
    """A payment gateway call, unless the currency can't be one: no second attempt would mend that."""
    if len(currency) != 3 or not currency.isalpha():
        raise Discard(f"{currency!r} is no currency: three letters, as in USD")
    _work(2, 4)
    _maybe_fail(0.20, "Payment gateway timed out")
    return {
        "status": "charged",
        "user_id": user_id,
        "amount": amount,
        "currency": currency,
        "transaction_id": str(uuid.uuid4()),
    }


@task(name="process_data", queue="default", idempotent=True, max_retries=3, example={"dataset": "events", "rows": 1000})
def process_data(dataset: str, rows: int = 1000) -> dict[str, Any]:
    _work(1, 2)
    return {"status": "processed", "dataset": dataset, "rows": rows}


@task(name="heavy_task", queue="default", idempotent=True, max_retries=2, example={"data": "sample payload"})
def heavy_task(data: str) -> dict[str, Any]:
    _work(3, 5)
    return {"status": "done", "data": data}


@task(name="generate_report", queue="low", idempotent=True, max_retries=2, example=REPORT)
def generate_report(report_type: str, user_id: str, date_range: str) -> dict[str, Any]:
    """A report in stages, each of which says how far it is."""
    for stage in _stages("collecting data", "aggregating", "rendering", "exporting", total=(8, 16)):
        current_job().check_cancelled()
        _work(stage, stage)
    return {
        "status": "generated",
        "report_type": report_type,
        "user_id": user_id,
        "date_range": date_range,
        "url": f"reports/{uuid.uuid4()}.pdf",
    }


@task(name="data_pipeline", queue="low", idempotent=True, max_retries=2, example=PIPELINE)
def data_pipeline(source: str, destination: str, record_count: int) -> dict[str, Any]:
    """Records moved in batches."""
    batches = [f"batch {n} of 10" for n in range(1, 11)]
    for stage in _stages(*batches, total=(10, 20)):
        current_job().check_cancelled()
        _work(stage, stage)
    return {"status": "completed", "source": source, "destination": destination, "records": record_count}


@task(
    name="always_fails",
    queue="default",
    idempotent=True,
    max_retries=3,
    example={"message": "this one is for the dead letters"},
)
def always_fails(message: str = "always fails") -> None:
    raise SimulatedFailure(message)


@task(name="noop", queue="default", idempotent=True, max_retries=0, example={"anything": "comes back"})
def noop(**payload: Any) -> dict[str, Any]:
    return payload


def _stages(*names: str, total: tuple[float, float]) -> Iterator[float]:
    """The seconds of each stage, reporting progress as the stages pass."""
    seconds = random.uniform(*total) / len(names)
    for place, name in enumerate(names):
        current_job().progress(100 * place / len(names), name)
        yield seconds
    current_job().progress(100, "done")


def _work(at_least: float, at_most: float) -> None:
    time.sleep(random.uniform(at_least, at_most) * conf.current().DEMO_TIME_SCALE)


def _maybe_fail(rate: float, message: str) -> None:
    if random.random() < rate * conf.current().DEMO_FAILURE_SCALE:
        raise SimulatedFailure(message)
