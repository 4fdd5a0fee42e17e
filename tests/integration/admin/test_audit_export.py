"""`manage.py audit export`: everything that was done, a JSON object per line."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from jobs.control import actions, cancelling, queues, tokens
from jobs.domain.actors import Actor
from jobs.management import people
from jobs.models import Action, ids
from tests import factories
from tests.integration.admin.conftest import Person

KEYS = {"id", "at", "actor", "verb", "object", "reason", "before", "after", "request_id", "source_address"}


def export(*arguments: str) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("audit", "export", *arguments, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_every_line_is_one_action_oldest_first() -> None:
    actor = Actor("olga", request_id="r-1", source_address="10.0.0.9")
    actions.note_many([actions.compose(actor, "cancel", f"job:{n}", reason="Grüße\nzwei") for n in range(1_203)])
    found = export()
    assert [line["object"] for line in found] == [f"job:{n}" for n in range(1_203)]
    assert set(found[0]) == KEYS
    assert (found[0]["request_id"], found[0]["source_address"], found[0]["reason"]) == (
        "r-1",
        "10.0.0.9",
        "Grüße\nzwei",
    )


def test_an_export_is_narrowed_by_time_actor_verb_and_object() -> None:
    now = datetime.now(UTC)
    for days, actor, verb in ((3, "olga", "cancel"), (2, "vera", "cancel"), (1, "olga", "pause")):
        at = now - timedelta(days=days)
        Action.objects.create(id=ids.lowest_at(at), at=at, actor=actor, verb=verb, object=f"job:{days}")
    assert [line["object"] for line in export("--actor", "olga")] == ["job:3", "job:1"]
    assert [line["object"] for line in export("--verb", "cancel")] == ["job:3", "job:2"]
    assert [line["object"] for line in export("--object", "job:2")] == ["job:2"]
    since, until = (now - timedelta(days=2, hours=1)).isoformat(), (now - timedelta(days=1, hours=1)).isoformat()
    assert [line["object"] for line in export("--since", since, "--until", until)] == ["job:2"]


def test_a_time_that_is_none_is_bad_usage() -> None:
    for text in ("yesterday", "2026-13-01"):
        with pytest.raises(CommandError, match="give a date") as caught:
            export("--since", text)
        assert caught.value.returncode == 2


def test_a_file_that_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    Action.objects.create(actor="olga", verb="cancel", object="job:1")
    file = tmp_path / "audit.jsonl"
    export_to = ["audit", "export", "--output", str(file)]
    call_command(*export_to, stdout=StringIO())
    assert json.loads(file.read_text())["object"] == "job:1"
    with pytest.raises(CommandError, match="File exists"):
        call_command(*export_to, stdout=StringIO())


def test_every_road_to_a_verb_leaves_who_and_whence(operator: Person) -> None:
    """A session, a token, and a command of the operating system's user."""
    by_session, by_token, by_command = factories.make_jobs(3)
    operator.press("jobs_job", by_session.id, "cancel", reason="by session")
    secret = tokens.issue(operator.user, actor=Actor("root"), reason="for the test").secret
    headers = {"Authorization": f"Token {secret}", "X-Request-ID": "r-8"}
    operator.client.logout()
    answer = operator.client.delete(f"/api/tasks/{by_token.id}/cancel", headers=headers)
    assert answer.status_code == 200
    cancelling.cancel(by_command.id, actor=people.operator(), reason="by command")
    queues.pause("low", actor=people.operator(), reason="night")
    told = {line["object"]: line for line in export()}
    session, token, command = (told[f"job:{job.id}"] for job in (by_session, by_token, by_command))
    assert (session["actor"], session["request_id"], session["source_address"]) == ("olga", "r-7", "127.0.0.1")
    assert (token["actor"], token["request_id"], token["source_address"]) == ("olga", "r-8", "127.0.0.1")
    assert command["actor"].startswith("command:")
    assert command["source_address"] == told["queue:low"]["source_address"] != ""
    assert all(line["before"] != line["after"] for line in told.values())
