"""The buttons: each calls its verb with the name of who pressed it, and says what came of it."""

from collections.abc import Mapping

from django.test import Client

from dlq.models import Group, Note, Operation
from jobs.domain.states import State
from jobs.models import Action, Job, Queue
from tests import factories
from tests.integration.dashboard.conftest import World


def messages_of(client: Client, path: str, data: Mapping[str, object]) -> str:
    response = client.post(path, dict(data), follow=True)
    assert response.status_code == 200
    return " ".join(str(message) for message in response.context["messages"])


def test_a_cancelled_job_is_recorded_with_who_and_why(world: World, operator: Client) -> None:
    job = world.jobs[State.SCHEDULED]
    assert "Cancelled" in messages_of(operator, f"/jobs/{job.id}/cancel/", {"reason": "wrong customer"})
    action = Action.objects.get(object=f"job:{job.id}", verb="cancel")
    assert (action.actor, action.reason) == ("operator", "wrong customer")


def test_cancelling_what_is_over_says_so_and_changes_nothing(world: World, operator: Client) -> None:
    job = world.jobs[State.SUCCEEDED]
    assert "succeeded already" in messages_of(operator, f"/jobs/{job.id}/cancel/", {})


def test_a_queue_is_paused_and_resumed_with_a_reason(world: World, operator: Client) -> None:
    assert "Paused high" in messages_of(operator, "/queues/high/pause/", {"reason": "broken vendor"})
    assert Queue.objects.get(name="high").paused_reason == "broken vendor"
    assert "paused already" in messages_of(operator, "/queues/high/pause/", {"reason": "again"})
    assert "Resumed high" in messages_of(operator, "/queues/high/resume/", {})


def test_a_purge_wants_the_name_typed(world: World, admin: Client) -> None:
    waiting = factories.make_jobs(3, State.QUEUED, queue="high")
    assert "Nothing was purged" in messages_of(admin, "/queues/high/purge/", {"reason": "x", "typed": "hihg"})
    assert not Job.objects.filter(id__in=[job.id for job in waiting], cancel_requested_at__isnull=False).exists()
    assert "3 waiting jobs were cancelled" in messages_of(
        admin, "/queues/high/purge/", {"reason": "x", "typed": "high"}
    )


def test_a_letter_is_requeued_once_and_the_second_time_refused(world: World, operator: Client) -> None:
    assert "Requeued" in messages_of(operator, f"/dead/{world.letter.id}/requeue/", {"reason": "fixed"})
    assert "requeued already" in messages_of(operator, f"/dead/{world.letter.id}/requeue/", {})
    world.letter.refresh_from_db()
    assert (world.letter.resolved_by, world.letter.resolution_reason) == ("operator", "fixed")


def test_a_group_is_triaged_assigned_noted_and_muted(world: World, operator: Client) -> None:
    path = f"/failures/{world.letter.fingerprint}/triage/"
    for data in (
        {"verb": "acknowledge"},
        {"verb": "assign", "assignee": "ada"},
        {"verb": "note", "text": "The vendor is down."},
        {"verb": "mute", "for": "1h", "reason": "known"},
    ):
        messages_of(operator, path, data)
    group = Group.objects.get(fingerprint=world.letter.fingerprint)
    assert (group.state, group.assignee, Note.objects.get().text) == ("muted", "ada", "The vendor is down.")
    text = operator.get(f"/failures/{world.letter.fingerprint}/").content.decode()
    assert "The vendor is down." in text


def test_a_whole_group_is_requeued_as_an_operation(world: World, operator: Client) -> None:
    data = {"verb": "requeue", "canary": "1", "rate": "5", "reason": "fixed in 1.2"}
    response = operator.post(f"/failures/{world.letter.fingerprint}/operate/", data)
    operation = Operation.objects.get()
    assert response["Location"] == f"/failures/{world.letter.fingerprint}/#operations"
    assert (operation.canary, operation.rate_per_second, operation.created_by) == (1, 5.0, "operator")
    assert operator.get(f"/operations/{operation.id}/").status_code == 200
    assert "Cancelled" in messages_of(operator, f"/operations/{operation.id}/cancel/", {})


def test_the_form_of_a_task_is_made_from_its_schema(operator: Client) -> None:
    fields = {field.name: field for field in operator.get("/jobs/new/?task=process_payment").context["fields"]}
    assert {name: field.kind for name, field in fields.items()} == {
        "user_id": "text",
        "amount": "number",
        "currency": "text",
    }
    assert fields["amount"].value == "99.99"


def test_a_submitted_form_makes_the_job(operator: Client) -> None:
    data = {
        "task": "process_payment",
        "field-user_id": "u1",
        "field-amount": "12",
        "field-currency": "EUR",
        "tags": "a, b",
    }
    response = operator.post("/jobs/new/", data)
    job = Job.objects.get()
    assert response["Location"] == f"/jobs/{job.id}/"
    assert (job.payload, job.tags, job.submitted_by) == (
        {"user_id": "u1", "amount": 12, "currency": "EUR"},
        ["a", "b"],
        "operator",
    )


def test_a_form_with_a_mistake_keeps_what_was_typed_and_names_the_field(operator: Client) -> None:
    data = {"task": "process_payment", "field-user_id": "kept", "field-amount": "much", "field-currency": "EUR"}
    response = operator.post("/jobs/new/", data)
    text = response.content.decode()
    assert response.status_code == 400
    assert "amount: Give a number." in text
    assert 'value="kept"' in text
    assert Job.objects.count() == 0


def test_a_job_can_be_submitted_many_times_and_later(operator: Client) -> None:
    operator.post("/jobs/new/", {"task": "noop", "field-*": '{"n": 1}', "repeat": "3", "delay_seconds": "60"})
    assert list(Job.objects.values_list("state", "payload")) == [("scheduled", {"n": 1})] * 3
    assert operator.post("/jobs/new/", {"task": "noop", "repeat": "1001"}).status_code == 400


def test_a_preference_is_kept_and_applied_by_the_server(operator: Client) -> None:
    operator.post("/preferences/", {"theme": "dark", "back": "https://elsewhere.example/"}, follow=False)
    assert 'data-theme="dark"' in operator.get("/").content.decode()
    assert operator.post("/preferences/", {"theme": "pink"}).status_code == 404


def test_no_form_leads_away_from_the_dashboard(operator: Client) -> None:
    for back in ("https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"):
        assert operator.post("/preferences/", {"theme": "dark", "back": back})["Location"] == "/"
