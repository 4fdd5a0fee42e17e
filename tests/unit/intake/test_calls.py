"""Celery's options of a call: honoured, or refused by name."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from celery import chain, current_app
from kombu import Queue

from jobs.intake import calls
from jobs.intake.calls import OptionRefused
from jobs.intake.drafts import Draft
from tests.support.called_tasks import plain

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


def called(*args: Any, **options: Any) -> Draft:
    return calls.draft_of_call("noop", args, options.pop("kwargs", None), options, parent=None, now=NOW)


def test_a_call_without_options_is_a_draft_of_its_arguments() -> None:
    assert called(1, kwargs={"y": 2}) == Draft(task="noop", args=(1,), payload={"y": 2})


def test_a_countdown_is_a_delay() -> None:
    assert called(countdown=3).delay_seconds == 3
    assert called(countdown=timedelta(minutes=1)).delay_seconds == 60


@pytest.mark.parametrize("countdown", ["3", True, [3]])
def test_a_countdown_that_is_no_number_is_refused(countdown: Any) -> None:
    with pytest.raises(OptionRefused, match="countdown"):
        called(countdown=countdown)


def test_an_eta_is_a_date_with_a_zone() -> None:
    eta = NOW + timedelta(hours=1)
    for given in (eta, eta.isoformat(), eta.replace(tzinfo=None)):
        assert called(eta=given).run_at == eta


@pytest.mark.parametrize("expires", [60, 60.0, timedelta(minutes=1), NOW + timedelta(minutes=1)])
def test_expires_is_a_date_or_seconds_from_now(expires: Any) -> None:
    assert called(expires=expires).expires_at == NOW + timedelta(minutes=1)


@pytest.mark.parametrize("option", ["eta", "expires"])
def test_a_date_nobody_can_read_is_refused(option: str) -> None:
    with pytest.raises(OptionRefused, match=option):
        called(**{option: "soon"})


def test_a_queue_is_taken_by_name_object_or_routing_key() -> None:
    for given in ({"queue": "low"}, {"queue": Queue("low")}, {"routing_key": "low"}):
        assert called(**given).queue == "low"


def test_a_queue_and_another_routing_key_are_refused() -> None:
    with pytest.raises(OptionRefused, match="routing_key"):
        called(queue="low", routing_key="high")


def test_a_priority_is_refused_with_the_way_to_do_it() -> None:
    with pytest.raises(OptionRefused, match="queue='high'"):
        called(priority=9)


def test_a_task_id_is_kept() -> None:
    task_id = uuid4()
    assert called(task_id=task_id).id == called(task_id=str(task_id)).id == task_id


def test_a_task_id_that_is_no_uuid_is_refused() -> None:
    with pytest.raises(OptionRefused, match="idempotency_key"):
        called(task_id="my-task")


def test_a_foreign_id_always_stands_for_the_same_uuid() -> None:
    assert calls.job_id_of("my-task") == calls.job_id_of("my-task") != calls.job_id_of("your-task")
    assert calls.job_id_of(str(UUID(int=7))) == UUID(int=7)


def test_an_unknown_option_is_refused_by_name() -> None:
    with pytest.raises(OptionRefused, match="colour"):
        called(colour="red")


def test_what_says_how_to_send_is_ours_to_decide() -> None:
    sending = {"serializer": "json", "compression": "zlib", "retry": True, "ignore_result": True, "shadow": "s"}
    assert called(**sending) == Draft(task="noop")


def test_our_own_options_pass_too() -> None:
    draft = called(max_retries=2, tags=["a"], idempotency_key="k", correlation_id="c")
    assert (draft.max_retries, draft.tags, draft.idempotency_key, draft.correlation_id) == (2, ["a"], "k", "c")


def test_links_are_kept_as_what_follows() -> None:
    draft = called(link=plain.s(1), link_error=[plain.s(2), plain.s(3)])
    assert draft.follows is not None
    assert [s["args"] for s in draft.follows["link"]] == [(1,)]
    assert len(draft.follows["link_error"]) == 2


def test_limits_and_headers_hold_for_every_attempt() -> None:
    draft = called(time_limit=5, soft_time_limit=3, headers={"x": "y"})
    assert draft.options == {"time_limit": 5, "soft_time_limit": 3, "headers": {"x": "y"}}


def test_a_chain_is_no_option_of_a_plain_call() -> None:
    assert chain(plain.s(1), plain.s(2)).tasks[1]["task"] == plain.name
    assert plain.name in current_app.tasks
