"""Submitting over HTTP: the exact answers, idempotency, and bulk, all or none."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from jobs.domain.states import Source, State
from jobs.models import IdempotencyKey, Job
from jobs.models.ids import uuid7
from tests.integration.api.conftest import MAIL, Caller, make_user, token_of

SUBMIT, BULK = "/api/tasks/submit", "/api/tasks/submit/bulk"


@pytest.mark.parametrize("path", [SUBMIT, SUBMIT + "/"])
def test_the_answer_has_exactly_the_keys_of_the_first_seed(operator: Caller, path: str) -> None:
    answer = operator.post(path, {**MAIL, "priority": "high"})
    assert answer.status_code == 202
    job = Job.objects.get()
    assert answer.json() == {
        "task_id": str(job.id),
        "status": "PENDING",
        "priority": "high",
        "message": "Task 'send_email' queued on 'high' queue.",
    }
    assert answer["Location"] == f"/api/tasks/{job.id}"
    assert (job.source, job.submitted_by, job.state) == (Source.API, "operator", State.QUEUED)


def test_the_short_form_has_exactly_the_keys_of_the_third_seed(operator: Caller) -> None:
    answer = operator.post("/tasks/submit", {"data": "sample payload"})
    job = Job.objects.get()
    assert (answer.status_code, answer.json()) == (202, {"task_id": str(job.id), "status": "submitted"})
    assert (job.task, job.payload) == ("heavy_task", {"data": "sample payload"})


def test_every_field_reaches_the_row(operator: Caller) -> None:
    at = timezone.now().replace(microsecond=0) + timedelta(hours=1)
    wanted = {
        **MAIL,
        "priority": "low",
        "run_at": at.isoformat(),
        "expires_at": (at + timedelta(hours=1)).isoformat(),
        "max_retries": 0,
        "tags": ["a", "ü"],
        "correlation_id": "order-7",
    }
    assert operator.post(SUBMIT, wanted).status_code == 202
    job = Job.objects.get()
    assert (job.queue, job.state, job.run_at) == ("low", State.SCHEDULED, at)
    assert (job.expires_at, job.max_retries) == (at + timedelta(hours=1), 0)
    assert (job.tags, job.correlation_id, job.payload) == (["a", "ü"], "order-7", MAIL["payload"])


def test_null_stands_for_a_field_that_is_left_out(operator: Caller) -> None:
    optional = ("priority", "delay_seconds", "run_at", "expires_at", "max_retries", "tags", "correlation_id")
    assert operator.post(SUBMIT, {**MAIL, **dict.fromkeys(optional)}).status_code == 202
    job = Job.objects.get()
    assert (job.queue, job.max_retries, job.tags) == ("high", 5, [])


def test_a_time_that_has_passed_means_now(operator: Caller) -> None:
    assert operator.post(SUBMIT, {**MAIL, "run_at": "2001-01-01T00:00:00+02:00"}).status_code == 202
    assert Job.objects.get().state == State.QUEUED


def test_32_levels_are_taken(operator: Caller) -> None:
    value: Any = {}
    for _ in range(31):
        value = {"a": value}
    assert operator.post(SUBMIT, {"task_type": "noop", "payload": value}).status_code == 202


def with_key(caller: Caller, key: str, body: Any, path: str = SUBMIT) -> Any:
    return caller.post(path, body, **{"Idempotency-Key": key})


def test_a_key_seen_before_returns_the_first_answer(operator: Caller) -> None:
    first, again = with_key(operator, "welcome-42", MAIL), with_key(operator, "welcome-42", MAIL)
    assert (again.status_code, again.json()) == (202, first.json())
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert Job.objects.count() == 1


def test_bodies_are_compared_as_json_values(operator: Caller) -> None:
    bodies = [
        '{"task_type": "noop", "payload": {"a": 1, "b": [1, 2]}, "max_retries": 0}',
        '{"max_retries":0,"payload":{"b":[1.0,2e0],"a":1},"task_type":"noop"}',
        '{"max_retries":0,"payload":{"b":[1,2],"\\u0061":1},"task_type":"noop"}',
    ]
    ids = {with_key(operator, "k", body).json()["task_id"] for body in bodies}
    assert len(ids) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"payload": {"to": "b@example.com", "subject": "Hi", "body": "Hello"}},
        {"priority": "high"},
        {"delay_seconds": 5},
        {"run_at": "2099-01-01T00:00:00Z"},
        {"expires_at": "2099-01-01T00:00:00Z"},
        {"tags": ["a"]},
    ],
    ids=str,
)
def test_a_key_used_for_another_body_is_refused(operator: Caller, change: dict[str, Any]) -> None:
    with_key(operator, "welcome-42", MAIL)
    answer = with_key(operator, "welcome-42", {**MAIL, **change})
    assert answer.status_code == 422
    assert "welcome-42" in answer.json()["detail"]
    assert Job.objects.count() == 1


def test_true_is_not_one(operator: Caller) -> None:
    with_key(operator, "k", {"task_type": "noop", "payload": {"a": 1}})
    assert with_key(operator, "k", {"task_type": "noop", "payload": {"a": True}}).status_code == 422


def test_keys_are_each_users_own_whatever_token_they_use(operator: Caller, known_roles: None) -> None:
    user = make_user("olga", "operator")
    mine = [Caller({"Authorization": f"Token {token_of(user)}"}) for _ in range(2)]
    ids = [with_key(caller, "k", MAIL).json()["task_id"] for caller in (*mine, operator)]
    assert ids[0] == ids[1] != ids[2]


def test_a_key_holds_for_a_day(operator: Caller) -> None:
    first = with_key(operator, "k", MAIL).json()["task_id"]
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert with_key(operator, "k", MAIL).json()["task_id"] != first


def test_the_longest_key_is_taken(operator: Caller) -> None:
    assert with_key(operator, "~" * 199 + " " + "", MAIL).status_code == 202
    assert with_key(operator, "x" * 200, MAIL).status_code == 202


def test_bulk_answers_in_order(operator: Caller) -> None:
    tasks = [{"task_type": "noop", "payload": {"i": i}} for i in range(25)]
    answer = operator.post(BULK, {"tasks": tasks})
    assert answer.status_code == 202
    told = answer.json()
    assert set(told) == {"accepted", "task_ids"}
    assert told["accepted"] == 25
    found = {str(job.id): job.payload["i"] for job in Job.objects.all()}
    assert [found[task_id] for task_id in told["task_ids"]] == list(range(25))


def test_one_bad_task_of_many_rejects_all(operator: Caller) -> None:
    tasks: list[Any] = [{"task_type": "noop", "payload": {}}] * 30
    answer = operator.post(BULK, {"tasks": [*tasks, {"task_type": "noop", "payload": 7}, *tasks]})
    assert answer.status_code == 400
    assert "Task 30" in answer.json()["tasks"][0]
    assert not Job.objects.exists()


def test_a_key_stands_for_a_whole_bulk(operator: Caller) -> None:
    body = {"tasks": [MAIL, MAIL]}
    first, again = with_key(operator, "b", body, BULK), with_key(operator, "b", body, BULK)
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert with_key(operator, "b", {"tasks": [MAIL]}, BULK).status_code == 422
    assert with_key(operator, "b", {"tasks": [MAIL] * 3}, BULK).status_code == 422
    assert Job.objects.count() == 2


def test_a_body_of_bulk_may_be_larger_than_one_of_a_single_task(operator: Caller) -> None:
    large = {"task_type": "noop", "payload": {"a": "x" * 250_000}}
    assert operator.post(BULK, {"tasks": [large] * 10}).status_code == 202
    assert operator.post(BULK, {"tasks": [large] * 68}).status_code == 413


def test_an_id_is_a_uuid_of_version_7(operator: Caller) -> None:
    made = Job.objects.get(id=operator.post(SUBMIT, MAIL).json()["task_id"]).id
    assert made.version == uuid7().version == 7
