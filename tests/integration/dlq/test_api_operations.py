"""Operations over HTTP: the shapes of the contract, and what makes no sense."""

import csv
import io
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from dlq.models import DeadLetter, Operation
from dlq.running import Runner
from tests.integration.dlq.people import post

OPERATION_KEYS = {
    "id", "verb", "state", "filter", "matched", "done", "failed", "skipped", "canary", "rate_per_second", "reason",
    "created_by", "created_at", "finished_at",
}  # fmt: skip


def test_a_dry_run_answers_at_once_and_changes_nothing(operator: APIClient, letter: DeadLetter) -> None:
    body = {"verb": "requeue", "filter": {"task_type": "tests.dlq.invoice"}, "dry_run": True, "rate_per_second": 0.5}
    answer = post(operator, "/api/dlq/operations", body)
    assert answer.status_code == 200
    seen = answer.json()
    assert (seen["matched"], seen["by_task_type"], seen["seconds_at_rate"]) == (1, {"tests.dlq.invoice": 1}, 2.0)
    assert seen["by_group"] == {letter.group_id: 1}
    assert seen["sample"][0]["id"] == str(letter.id)
    assert Operation.objects.count() == 0


def test_an_operation_is_started_watched_and_reported(operator: APIClient, letter: DeadLetter) -> None:
    body = {"verb": "requeue", "filter": {"ids": [str(letter.id)]}, "reason": "fixed", "canary": 0}
    answer = post(operator, "/api/dlq/operations", body)
    assert answer.status_code == 202
    operation = answer.json()
    assert set(operation) >= OPERATION_KEYS
    assert (operation["state"], operation["matched"], operation["created_by"]) == ("planned", 1, "olga")
    runner = Runner()
    for tick in range(4):
        runner.run_once(timezone.now(), clock=float(tick))
    shown = operator.get(f"/api/dlq/operations/{operation['id']}/").json()
    assert (shown["state"], shown["done"], shown["finished_at"] is not None) == ("finished", 1, True)
    assert operator.get("/api/dlq/operations").json()["results"] == [shown]
    cancelled = post(operator, f"/api/dlq/operations/{operation['id']}/cancel")
    assert cancelled.status_code == 409
    report = operator.get(f"/api/dlq/operations/{operation['id']}/report")
    assert report["Content-Type"].startswith("text/csv")
    text = b"".join(report.streaming_content).decode()  # type: ignore[attr-defined]
    [row] = csv.DictReader(io.StringIO(text))
    assert (row["letter"], row["outcome"]) == (str(letter.id), "done")


def test_an_operation_is_cancelled_without_a_reason(operator: APIClient, letter: DeadLetter) -> None:
    body = {"verb": "discard", "filter": {}, "reason": "x"}
    operation = post(operator, "/api/dlq/operations", body).json()
    answer = post(operator, f"/api/dlq/operations/{operation['id']}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert DeadLetter.objects.get().resolution == "open"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"filter": {}, "reason": "x"}, "verb"),
        ({"verb": "burn", "filter": {}, "reason": "x"}, "verb"),
        ({"verb": "requeue", "reason": "x"}, "filter"),
        ({"verb": "requeue", "filter": {"colour": "red"}, "reason": "x"}, "filter"),
        ({"verb": "requeue", "filter": {"since": "now"}, "reason": "x"}, "filter"),
        ({"verb": "requeue", "filter": {"ids": ["x"]}, "reason": "x"}, "ids"),
        ({"verb": "requeue", "filter": {}}, "reason"),
        ({"verb": "requeue", "filter": {}, "reason": "x", "canary": -1}, "canary"),
        ({"verb": "requeue", "filter": {}, "reason": "x", "canary": 10**30}, "canary"),
        ({"verb": "requeue", "filter": {}, "reason": "x", "rate_per_second": 0}, "rate_per_second"),
        ({"verb": "requeue", "filter": {}, "reason": "x", "rate_per_second": "fast"}, "rate_per_second"),
        ({"verb": "discard", "filter": {}, "reason": "x", "canary": 2}, "canary"),
    ],
)
def test_an_operation_that_makes_no_sense_is_refused(operator: APIClient, body: dict[str, Any], field: str) -> None:
    answer = post(operator, "/api/dlq/operations", body)
    assert answer.status_code == 400, answer.content
    assert list(answer.json()) == [field]
    assert Operation.objects.count() == 0
