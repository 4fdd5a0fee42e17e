"""Many jobs at once: the question says what would be touched, the deed touches exactly that, and files hold no secrets."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from django.test import Client

from dashboard import acting, bookmarks, forms, selection
from dlq.models import DeadLetter, Operation
from jobs.domain.states import State
from jobs.models import Action, Job
from tests import factories
from tests.integration.dashboard.conftest import World


def asked(client: Client, data: Mapping[str, object]) -> Any:
    response = client.post("/jobs/act/", dict(data))
    assert response.status_code == 200
    return response.context["seen"]


def told(client: Client, data: Mapping[str, object]) -> str:
    response = client.post("/jobs/act/", {"confirmed": "1", **data}, follow=True)
    return " ".join(map(str, response.context["messages"]))


def text_of(client: Client, path: str, data: Mapping[str, object] | None = None) -> str:
    response: Any = client.get(path) if data is None else client.post(path, dict(data))
    return b"".join(response.streaming_content).decode()


def ids_of(jobs: list[Job]) -> list[str]:
    return [str(job.id) for job in jobs]


def test_asking_changes_nothing_and_says_what_would_be_touched(operator: Client) -> None:
    dead = factories.make_jobs(2, State.DEAD, task="send_email", queue="high")
    safe, fine = factories.make_job(State.DEAD, task="noop"), factories.make_job(State.SUCCEEDED)
    seen = asked(operator, {"verb": "requeue", "id": ids_of([*dead, safe, fine])})
    assert (seen.count, dict(seen.refused)) == (3, {"succeeded, not dead": 1})
    assert dict(seen.shares) == {
        "task": [("send_email", 2), ("noop", 1)],
        "queue": [("high", 2), ("default", 1)],
        "state": [("dead", 3)],
    }
    assert seen.unsafe == ["send_email"]
    assert Job.objects.filter(state=State.DEAD).count() == 3
    assert Action.objects.count() == 0


def test_ticked_dead_jobs_are_requeued_and_discarded(world: World, operator: Client) -> None:
    first, second, third = factories.make_letters(3)
    ids = [str(first.job_id), str(second.job_id), str(world.jobs[State.SUCCEEDED].id)]
    assert told(operator, {"verb": "requeue", "id": ids}) == "2 requeued, 1 skipped: 1 succeeded, not dead."
    told(operator, {"verb": "discard", "id": [str(third.job_id)], "reason": "no use", "typed": "discard"})
    assert [DeadLetter.objects.get(id=one.id).resolution for one in (first, second, third)] == [
        "requeued",
        "requeued",
        "discarded",
    ]


def test_ticked_jobs_are_cancelled_with_a_reason_each(operator: Client) -> None:
    waiting, over = factories.make_job(State.QUEUED), factories.make_job(State.SUCCEEDED)
    data = {"verb": "cancel", "id": ids_of([waiting, over]), "reason": "wrong list"}
    assert told(operator, data) == "1 cancelled, 1 skipped: 1 succeeded already."
    assert [(a.actor, a.reason) for a in Action.objects.filter(object=f"job:{waiting.id}")] == [
        ("operator", "wrong list")
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"verb": "cancel"}, "Tick at least one job first."),
        ({"verb": "cancel", "all": "1", "search": "task:none"}, "Nothing that matches can be cancelled."),
        ({"verb": "explode", "id": ["0192f3a2-0000-7000-8000-000000000000"]}, "Nothing is called 'explode' here."),
        ({"verb": "cancel", "all": "1", "search": "color:red"}, "There is no field 'color'."),
        ({"verb": "export-csv"}, "Tick at least one job first."),
    ],
)
def test_a_bulk_request_that_makes_no_sense_is_answered_in_words(
    operator: Client, data: dict[str, object], said: str
) -> None:
    assert said in told(operator, data)


def test_all_that_match_are_those_that_matched_when_it_was_asked(operator: Client) -> None:
    factories.make_jobs(60, State.QUEUED, task="charge")
    factories.make_job(State.QUEUED, task="refund")
    factories.make_job(State.SUCCEEDED, task="charge")
    response = operator.post("/jobs/act/", {"verb": "cancel", "all": "1", "search": "task:charge"})
    assert response.context["seen"].count == 60
    late = factories.make_job(State.QUEUED, task="charge")
    fields = dict(response.context["chosen"].fields)
    assert told(operator, {"verb": "cancel", "reason": "stop", **fields}) == "60 cancelled."
    assert set(Job.objects.filter(cancel_requested_at=None, state="queued").values_list("task", flat=True)) == {
        "charge",
        "refund",
    }
    late.refresh_from_db()
    assert late.cancel_requested_at is None


def test_more_than_a_hundred_letters_become_an_operation(operator: Client) -> None:
    factories.make_jobs(acting.AT_ONCE + 1, State.DEAD, task="charge")
    data = {"verb": "requeue", "all": "1", "search": "task:charge", "confirmed": "1", "reason": "fixed", "rate": "5"}
    response = operator.post("/jobs/act/", data)
    operation = Operation.objects.get()
    assert response["Location"] == f"/operations/{operation.id}/"
    assert (operation.matched, operation.rate_per_second, operation.created_by) == (101, 5.0, "operator")
    assert "101 ticked" in operator.get(response["Location"]).content.decode()


def test_a_canary_makes_an_operation_of_a_few(operator: Client) -> None:
    jobs = factories.make_jobs(3, State.DEAD)
    operator.post("/jobs/act/", {"verb": "requeue", "id": ids_of(jobs), "confirmed": "1", "canary": "1"})
    assert Operation.objects.get().canary == 1


@pytest.mark.parametrize(
    ("verb", "given", "problem"),
    [
        ("discard", {"typed": "discard"}, "Say why"),
        ("discard", {"reason": "no use"}, "Type discard to confirm."),
        ("requeue", {"rate": "fast"}, "Give a number."),
    ],
)
def test_what_is_missing_is_asked_for_and_nothing_changes(
    operator: Client, verb: str, given: dict[str, str], problem: str
) -> None:
    [job] = factories.make_jobs(1, State.DEAD)
    response = operator.post("/jobs/act/", {"verb": verb, "id": [str(job.id)], "confirmed": "1", **given})
    assert response.status_code == 400
    assert problem in response.content.decode()
    assert DeadLetter.objects.get().resolution == "open"


def test_many_need_a_reason_and_very_many_the_typed_verb(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acting, "REASON_ABOVE", 1)
    monkeypatch.setattr(forms, "TYPED_ABOVE", 2)
    jobs = factories.make_jobs(3, State.DEAD)
    few = asked(operator, {"verb": "requeue", "id": ids_of(jobs[:2])})
    many = asked(operator, {"verb": "requeue", "id": ids_of(jobs)})
    assert (few.needs_reason, few.needs_typing) == (True, False)
    assert (many.needs_reason, many.needs_typing) == (True, True)


def test_cancelling_takes_the_oldest_first_and_so_many_at_most(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "CANCEL_MAX", 2)
    jobs = factories.make_jobs(3, State.QUEUED)
    assert "1 beyond the 2" in told(operator, {"verb": "cancel", "all": "1", "search": "", "reason": "stop"})
    left = Job.objects.get(cancel_requested_at=None)
    assert left.id == max(job.id for job in jobs)


def test_more_than_can_be_taken_at_once_is_said(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MOST", 2)
    factories.make_jobs(3, State.DEAD)
    seen = asked(operator, {"verb": "requeue", "all": "1", "search": ""})
    assert (seen.count, seen.has_more) == (2, True)


def test_each_verb_asks_for_its_right_before_it_shows_anything(viewer: Client) -> None:
    [dead], [waiting] = factories.make_jobs(1, State.DEAD), factories.make_jobs(1, State.QUEUED)
    for verb, job in (("requeue", dead), ("discard", dead), ("cancel", waiting)):
        assert viewer.post("/jobs/act/", {"verb": verb, "id": [str(job.id)]}).status_code == 403


def test_a_file_has_every_match_redacted(operator: Client) -> None:
    factories.make_jobs(3, State.SUCCEEDED, task="charge", payload={"note": "=1+1", "password": "hunter2"}, tags=["a"])
    factories.make_job(State.SUCCEEDED, task="refund", correlation_id="=cmd()")
    rows = list(csv.DictReader(io.StringIO(text_of(operator, "/jobs/export/?as=csv&search=task:charge"))))
    assert [row["task"] for row in rows] == ["charge"] * 3
    assert json.loads(rows[0]["payload"]) == {"note": "=1+1", "password": "[redacted]"}
    [one] = json.loads(text_of(operator, "/jobs/export/?as=json&search=task:refund"))
    assert (one["task"], one["result"]) == ("refund", None)
    [line] = csv.DictReader(io.StringIO(text_of(operator, "/jobs/export/?as=csv&search=task:refund")))
    assert line["correlation_id"] == "'=cmd()"
    assert json.loads(text_of(operator, "/jobs/export/?as=json&search=task:none")) == []


def test_a_file_of_the_ticked_has_only_them(operator: Client) -> None:
    jobs = factories.make_jobs(3, State.SUCCEEDED)
    found = json.loads(text_of(operator, "/jobs/act/", {"verb": "export-json", "id": [str(jobs[1].id)]}))
    assert [row["id"] for row in found] == [str(jobs[1].id)]


def test_a_viewers_file_has_no_payload_result_or_error(viewer: Client) -> None:
    factories.make_job(State.DEAD, payload={"p": "in-payload"}, error="in-error", error_type="shop.Refused")
    [row] = json.loads(text_of(viewer, "/jobs/export/?as=json&search="))
    assert row["error_type"] == "shop.Refused"
    assert {"payload", "result", "error"} & row.keys() == set()


def test_a_long_file_is_read_in_pieces_without_gap(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.exporting._PIECE", 2)
    jobs = factories.make_jobs(5, State.SUCCEEDED)
    found = json.loads(text_of(operator, "/jobs/export/?as=json&search="))
    assert [row["id"] for row in found] == ids_of(jobs)[::-1]


def test_hidden_columns_are_left_out_by_the_server(operator: Client) -> None:
    factories.make_job(State.SUCCEEDED)
    operator.post("/jobs/columns/", {"columns": ["queue", "when"]})
    response = operator.get("/jobs/")
    assert set(response.context["hidden"]) == set(bookmarks.COLUMNS) - {"queue", "when"}
    assert 'data-label="queue"' in response.content.decode()
    assert 'data-label="wait"' not in response.content.decode()


def test_a_search_is_kept_under_a_name_and_forgotten(operator: Client) -> None:
    operator.post("/jobs/searches/", {"name": "mine <b>", "query": "q=queue%3Ahigh"})
    text = operator.get("/jobs/?q=queue:high").content.decode()
    assert 'href="/jobs/?q=queue%3Ahigh" aria-current="true">mine &lt;b&gt;</a>' in text
    operator.post("/jobs/searches/", {"forget": "mine <b>"})
    assert "mine" not in operator.get("/jobs/").content.decode()
    operator.cookies["tally_searches"] = "no/base64"
    assert operator.get("/jobs/").status_code == 200


def test_the_list_says_how_many_match(operator: Client) -> None:
    factories.make_jobs(55, State.SUCCEEDED, task="charge")
    factories.make_jobs(3, State.DEAD, task="refund")
    assert operator.get("/jobs/?q=task:charge").context["matching"] == 55
    assert operator.get("/jobs/?q=task:refund").context["matching"] == 3
    assert "all 55 that match" in operator.get("/jobs/?q=task:charge").content.decode()


def test_the_dead_are_told_apart_by_what_was_decided(operator: Client) -> None:
    [_, other] = factories.make_letters(2)
    told(operator, {"verb": "discard", "id": [str(other.job_id)], "reason": "no use", "typed": "discard"})
    for query, count in (("", 2), ("letter:open", 1), ("letter:discarded", 1), ("letter:requeued", 0)):
        assert len(operator.get(f"/dead/?q={query}").context["page"].rows) == count
    assert operator.get("/dead/?q=letter:lost").status_code == 400
