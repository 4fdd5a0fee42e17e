"""The dead letters over HTTP: the shapes of the contract, its answers to mistakes, and who may what."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from dlq.models import DeadLetter, Group
from jobs.domain.journal import Failure
from jobs.domain.states import State
from jobs.models import Action, Job
from tests import factories
from tests.integration.dlq.people import post

LETTER_KEYS = {
    "id", "task_id", "task_type", "priority", "reason", "error", "error_type", "traceback", "fingerprint", "payload",
    "attempts", "resolution", "resolved_by", "resolved_at", "resolution_reason", "payload_diff", "created_at",
}  # fmt: skip
GROUP_KEYS = {
    "fingerprint", "title", "error_type", "task_types", "state", "first_seen", "last_seen", "open", "counts",
    "died_again",
}  # fmt: skip


@pytest.mark.parametrize("slash", ["", "/"])
def test_letters_are_listed_and_shown_with_every_key(operator: APIClient, letter: DeadLetter, slash: str) -> None:
    listed = operator.get(f"/api/dlq{slash}").json()
    assert set(listed) == {"next", "previous", "results"}
    shown = operator.get(f"/api/dlq/{letter.id}{slash}").json()
    assert listed["results"] == [shown]
    assert set(shown) >= LETTER_KEYS
    assert (shown["task_id"], shown["task_type"], shown["priority"]) == (str(letter.job_id), "tests.dlq.invoice", "low")
    assert (shown["reason"], shown["resolution"], shown["attempts"]) == ("exhausted", "open", 1)
    assert (shown["error"], shown["error_type"]) == ("customer 17 refused", "shop.Refused")
    assert shown["payload"] == {"customer_id": 17, "token": "[redacted]"}
    assert [shown[key] for key in ("resolved_by", "resolved_at", "resolution_reason", "payload_diff")] == [None] * 4


def test_a_viewer_sees_that_something_died_but_not_what_was_in_it(viewer: APIClient, letter: DeadLetter) -> None:
    shown = viewer.get(f"/api/dlq/{letter.id}").json()
    assert [shown[key] for key in ("error", "traceback", "payload", "payload_diff")] == [None] * 4
    assert shown["error_type"] == "shop.Refused"
    group = viewer.get("/api/dlq/groups").json()["results"][0]
    assert group["title"] == "Refused"


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/api/dlq/{letter}/requeue", "dlq.requeue_deadletter"),
        ("/api/dlq/{letter}/discard", "dlq.discard_deadletter"),
        ("/api/dlq/operations", "dlq.requeue_deadletter"),
        ("/api/dlq/groups/{group}/resolve", "dlq.triage_group"),
        ("/api/dlq/groups/{group}/mute", "dlq.triage_group"),
        ("/api/dlq/groups/{group}/notes", "dlq.triage_group"),
    ],
)
def test_a_viewer_may_decide_nothing(viewer: APIClient, letter: DeadLetter, path: str, permission: str) -> None:
    answer = post(viewer, path.format(letter=letter.id, group=letter.group_id), {"reason": "x"})
    assert answer.status_code == 403
    assert permission in answer.json()["detail"]
    assert Action.objects.count() == 0


def test_nobody_gets_nothing(letter: DeadLetter) -> None:
    assert APIClient().get("/api/dlq").status_code == 401
    assert APIClient().post(f"/api/dlq/{letter.id}/requeue", {"reason": "x"}, format="json").status_code == 401


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("resolution=open", 1),
        ("resolution=requeued", 0),
        ("task_type=tests.dlq.invoice", 1),
        ("task_type=other", 0),
        ("priority=low", 1),
        ("priority=high", 0),
        ("reason=exhausted", 1),
        ("reason=crash_loop", 0),
        ("fingerprint={fingerprint}", 1),
        ("fingerprint=0", 0),
        ("since=2020-01-01T00:00:00Z", 1),
        ("since=2100-01-01T00:00:00Z", 0),
    ],
)
def test_the_list_is_filtered(operator: APIClient, letter: DeadLetter, query: str, count: int) -> None:
    answer = operator.get(f"/api/dlq?{query.format(fingerprint=letter.group_id)}")
    assert len(answer.json()["results"]) == count


@pytest.mark.parametrize("query", ["resolution=gone", "priority=x", "since=yesterday", "colour=red", "reason=x"])
def test_a_filter_that_means_nothing_is_a_mistake(operator: APIClient, query: str) -> None:
    answer = operator.get(f"/api/dlq?{query}")
    assert answer.status_code == 400
    assert list(answer.json()) == [query.split("=", maxsplit=1)[0]]


def test_a_requeue_answers_with_the_task_and_a_second_one_is_a_conflict(
    operator: APIClient, letter: DeadLetter
) -> None:
    answer = post(operator, f"/api/dlq/{letter.id}/requeue", {"reason": "customer called"})
    assert answer.status_code == 202
    assert (answer.json()["task_id"], answer.json()["resolution"]) == (str(letter.job_id), "requeued")
    assert Job.objects.get().state == State.QUEUED
    again = post(operator, f"/api/dlq/{letter.id}/requeue/", {"reason": "customer called"})
    assert again.status_code == 409
    assert "already by olga" in again.json()["detail"]
    assert post(operator, f"/api/dlq/{letter.id}/discard", {"reason": "x"}).status_code == 409


def test_an_edited_requeue_shows_the_difference(operator: APIClient, letter: DeadLetter) -> None:
    body = {"reason": "wrong customer", "payload": {"customer_id": 18, "token": "s3cret"}}
    shown = post(operator, f"/api/dlq/{letter.id}/requeue", body).json()
    assert shown["payload"]["customer_id"] == 17
    assert shown["payload_diff"] == {"customer_id": {"from": 17, "to": 18}}
    assert Job.objects.get().payload["customer_id"] == 18


@pytest.mark.parametrize(
    ("body", "field", "word"),
    [
        ({"reason": "x", "payload": {"customer_id": "eighteen"}}, "payload", "customer_id"),
        ({"reason": "x", "payload": {"customer_id": 1, "colour": "red"}}, "payload", "colour"),
        ({"reason": "x", "payload": {"customer_id": 1, "token": "a\u0000"}}, "detail", "NUL"),
        ({"reason": "x", "payload": [1]}, "payload", "dictionary"),
        ({"reason": ""}, "reason", ""),
        ({"reason": "  "}, "reason", ""),
        ({"reason": "x" * 501}, "reason", "500"),
        ({"reason": "a\u0000"}, "reason", ""),
        ({}, "reason", "required"),
        ({"reason": "x", "force": True}, "force", ""),
    ],
)
def test_a_bad_requeue_names_the_field_and_changes_nothing(
    operator: APIClient, letter: DeadLetter, body: dict[str, Any], field: str, word: str
) -> None:
    answer = post(operator, f"/api/dlq/{letter.id}/requeue", body)
    assert answer.status_code == 400, answer.content
    assert word in str(answer.json()[field])
    assert Job.objects.get().state == State.DEAD
    assert Action.objects.count() == 0


def test_a_discard_answers_with_the_closed_letter(operator: APIClient, letter: DeadLetter) -> None:
    answer = post(operator, f"/api/dlq/{letter.id}/discard", {"reason": "test data"})
    assert answer.status_code == 200
    assert (answer.json()["resolution"], answer.json()["resolved_by"]) == ("discarded", "olga")
    assert answer.json()["resolution_reason"] == "test data"


@pytest.mark.parametrize("verb", ["", "/requeue", "/discard"])
def test_an_unknown_letter_is_not_found(operator: APIClient, verb: str) -> None:
    path = f"/api/dlq/{uuid4()}{verb}"
    answer = post(operator, path, {"reason": "x"}) if verb else operator.get(path)
    assert answer.status_code == 404
    assert "detail" in answer.json()


@pytest.mark.parametrize("slash", ["", "/"])
def test_groups_are_listed_and_shown_with_every_key(operator: APIClient, letter: DeadLetter, slash: str) -> None:
    [listed] = operator.get(f"/api/dlq/groups{slash}").json()["results"]
    shown = operator.get(f"/api/dlq/groups/{letter.group_id}{slash}").json()
    assert set(listed) >= GROUP_KEYS
    assert {key: shown[key] for key in listed} == listed
    assert listed["title"] == "Refused: customer <n> refused"
    assert listed["counts"] == {"1h": 1, "3h": 1, "24h": 1, "3d": 1, "7d": 1}
    assert (listed["state"], listed["open"], listed["died_again"]) == ("new", 1, 0)
    assert listed["task_types"] == ["tests.dlq.invoice"]


def test_groups_are_paged_last_seen_first_there_and_back(operator: APIClient) -> None:
    for number in range(5):
        at_ms = factories.milliseconds(timezone.now() - timedelta(minutes=number // 2))
        factories.make_letters(failure=Failure(f"shop.Error{number}", "no"), at_ms=at_ms)
    first = operator.get("/api/dlq/groups?page_size=2").json()
    second = operator.get(first["next"]).json()
    third = operator.get(second["next"]).json()
    assert third["next"] is None
    pages = [[group["fingerprint"] for group in page["results"]] for page in (first, second, third)]
    expected = list(Group.objects.order_by("-last_seen", "-fingerprint").values_list("fingerprint", flat=True))
    assert [*pages[0], *pages[1], *pages[2]] == expected
    assert [group["fingerprint"] for group in operator.get(third["previous"]).json()["results"]] == pages[1]


@pytest.mark.parametrize("cursor", ["x", "bm93", "bjIwMjYtMDEtMDE", "bjIwMjYtMDEtMDFUMDA6MDA6MDArMDA6MDAgAA"])
def test_a_forged_cursor_of_groups_leads_nowhere(operator: APIClient, letter: DeadLetter, cursor: str) -> None:
    assert operator.get(f"/api/dlq/groups?cursor={cursor}").status_code == 404


def test_a_group_is_triaged_step_by_step(operator: APIClient, letter: DeadLetter) -> None:
    group = f"/api/dlq/groups/{letter.group_id}"
    assert post(operator, f"{group}/acknowledge", {"reason": "mine"}).json()["state"] == "acknowledged"
    assert post(operator, f"{group}/acknowledge", {"reason": "mine"}).status_code == 409
    assert post(operator, f"{group}/assign", {"assignee": "olga"}).json()["assignee"] == "olga"
    noted = post(operator, f"{group}/notes", {"text": "see ticket 12"})
    assert (noted.status_code, noted.json()["notes"][0]["text"]) == (201, "see ticket 12")
    assert post(operator, f"{group}/mute", {"reason": "x"}).status_code == 400
    muted = post(operator, f"{group}/mute", {"reason": "known", "deaths": 5, "until": "2100-01-01T00:00:00Z"})
    assert (muted.json()["state"], muted.json()["muted_until"]) == ("muted", "2100-01-01T00:00:00Z")
    assert post(operator, f"{group}/resolve", {"reason": "fixed"}).json()["state"] == "resolved"
    assert post(operator, f"{group}/reopen", {"reason": "not fixed"}).json()["state"] == "new"
    verbs = list(Action.objects.order_by("id").values_list("verb", flat=True))
    assert verbs == ["acknowledge", "assign", "note", "mute", "resolve", "reopen"]


def test_the_lists_take_as_many_queries_whatever_their_length(
    operator: APIClient, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        factories.make_letters(3, failure=Failure(f"shop.Error{number}", "no"))
    operator.get("/api/dlq")
    for path in ("/api/dlq", "/api/dlq/groups"):
        with django_assert_max_num_queries(10):
            assert operator.get(path).status_code == 200
