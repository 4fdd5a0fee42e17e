"""`manage.py dlq`: what it prints, what it does, and its exit codes."""

import csv
import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from dlq.models import DeadLetter, Group, Operation
from dlq.running import Runner
from jobs.domain.journal import Failure
from jobs.domain.states import State
from jobs.models import Action, Job
from tests import factories


def dlq(*arguments: str) -> str:
    out = io.StringIO()
    call_command("dlq", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def dlq_json(*arguments: str) -> Any:
    return json.loads(dlq(*arguments, "--json"))


def exit_code(*arguments: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        dlq(*arguments)
    return caught.value.returncode, str(caught.value)


def test_it_lists_open_letters_for_people_and_for_machines() -> None:
    [letter] = factories.make_letters(failure=Failure("shop.Refused", "customer 17"), task="charge", queue="low")
    for text in (dlq(), dlq("list"), dlq("list", "--task", "charge", "--since", "1h")):
        assert str(letter.id) in text
        assert "Refused: customer 17" in text
    [shown] = dlq_json("list")
    assert (shown["id"], shown["task_type"]) == (str(letter.id), "charge")
    assert dlq_json("list", "--queue", "high") == []
    assert "No such dead letter" in dlq("list", "--resolution", "discarded")


def test_it_shows_groups_with_their_windows() -> None:
    factories.make_letters(2, failure=Failure("shop.Refused", "customer 17"))
    assert "Refused: customer <n>" in dlq("groups")
    [shown] = dlq_json("groups")
    assert (shown["open"], shown["counts"]["24h"]) == (2, 2)


@pytest.mark.parametrize("by", ["letter", "job", "start"])
def test_a_letter_is_requeued_by_its_id_or_its_jobs(by: str) -> None:
    [letter] = factories.make_letters()
    ids = {"letter": str(letter.id), "job": str(letter.job_id), "start": str(letter.id)[:18]}
    assert "requeued" in dlq("requeue", ids[by], "--reason", "fixed")
    assert Job.objects.get().state == State.QUEUED
    action = Action.objects.get()
    assert (action.actor.split(":")[0], action.reason) == ("command", "fixed")


def test_several_ids_are_done_one_by_one_and_problems_named() -> None:
    one, two = factories.make_letters(2)
    code, message = exit_code("discard", str(one.id), "ffff", str(two.id), str(one.id))
    assert code == 1
    assert "There is no dead letter ffff" in message
    assert "already by command:" in message
    assert DeadLetter.objects.filter(resolution="discarded").count() == 2


def test_an_edited_payload_is_checked() -> None:
    payload = {"to": "a@b.c", "subject": "Hi", "body": "x"}
    [letter] = factories.make_letters(task="send_email", queue="high", payload=payload)
    code, message = exit_code("requeue", str(letter.id), "--payload", '{"to": 1}')
    assert code == 2
    assert "to:" in message
    dlq("requeue", str(letter.id), "--payload", json.dumps({**payload, "to": "d@e.f"}))
    assert Job.objects.get().payload["to"] == "d@e.f"


@pytest.mark.parametrize(
    "arguments",
    [
        ["requeue"],
        ["requeue", "0" * 32, "--all"],
        ["requeue", "0" * 32, "--dry-run"],
        ["requeue", "--all", "--rate", "0"],
        ["requeue", "0" * 32, "--payload", "{"],
        ["list", "--since", "yesterday"],
        ["mute", "GROUP"],
        ["mute", "GROUP", "--until", "soon"],
    ],
)
def test_bad_usage_ends_with_2(arguments: list[str]) -> None:
    [letter] = factories.make_letters()
    code, _ = exit_code(*[argument.replace("GROUP", letter.group_id) for argument in arguments])
    assert code == 2
    assert DeadLetter.objects.get().resolution == "open"


def test_a_group_is_looked_at_and_then_requeued_as_an_operation() -> None:
    factories.make_letters(3, failure=Failure("shop.Refused", "no"))
    factories.make_letters(2, failure=Failure("shop.Timeout", "no"))
    group = Group.objects.get(error_type="shop.Refused")
    seen = dlq_json("requeue", "--group", group.fingerprint[:10], "--dry-run", "--rate", "3")
    assert (seen["matched"], seen["seconds_at_rate"]) == (3, 1.0)
    started = dlq_json("requeue", "--group", group.fingerprint, "--reason", "fixed", "--canary", "1")
    assert (started["state"], started["matched"], started["canary"]) == ("planned", 3, 1)
    [listed] = dlq_json("operations")
    assert listed["id"] == started["id"]
    assert dlq_json("operation", started["id"], "--cancel")["state"] == "cancelled"
    assert exit_code("operation", started["id"], "--cancel")[0] == 1
    code, message = exit_code("operation", started["id"], "--wait")
    assert (code, "is cancelled" in message) == (1, True)


def test_an_operations_report_is_csv() -> None:
    [letter] = factories.make_letters()
    operation = dlq_json("discard", "--all", "--reason", "test data")
    runner = Runner()
    for tick in range(3):
        runner.run_once(timezone.now(), clock=float(tick))
    [row] = csv.DictReader(io.StringIO(dlq("operation", operation["id"], "--csv")))
    assert (row["letter"], row["outcome"]) == (str(letter.id), "done")
    assert Operation.objects.get().state == "finished"
    dlq("operation", operation["id"], "--wait")


def test_a_group_is_triaged() -> None:
    factories.make_letters()
    group = Group.objects.get().fingerprint
    assert dlq("acknowledge", group[:8]).startswith("acknowledged")
    assert dlq("mute", group, "--until", "2d", "--reason", "known").startswith("muted")
    assert dlq("resolve", group).startswith("resolved")
    assert exit_code("resolve", group)[0] == 1
    assert dlq_json("reopen", group)["state"] == "new"
