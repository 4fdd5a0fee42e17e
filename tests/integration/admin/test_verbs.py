"""Actions and buttons: what their page says, that they call the verbs of everybody, and whom they refuse."""

from collections.abc import Callable
from unittest import mock
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from dlq.models import DeadLetter, Group, Operation
from dlq.running import Runner
from jobs.control import queues
from jobs.domain.errors import StateConflict
from jobs.domain.states import State
from jobs.models import Action, Job, Queue
from tests import factories
from tests.integration.admin.conftest import Person, text_of

JOBS, LETTERS, GROUPS = "jobs_job_changelist", "dlq_deadletter_changelist", "dlq_group_changelist"


def test_the_page_between_shows_counts_a_sample_and_what_can_not_be_touched(operator: Person) -> None:
    dead = factories.make_letters(2, task="send_email")
    over = factories.make_jobs(3, State.SUCCEEDED)
    response = operator.tick(JOBS, "requeue", [letter.job_id for letter in dead] + [job.id for job in over])
    page = text_of(response)
    assert response.status_code == 200
    assert "Requeue 2 jobs" in page
    assert "3 can’t be touched" in page
    assert "3 succeeded, not dead" in page
    assert all(str(letter.job_id) in page for letter in dead)
    assert "Reason" in page
    assert Action.objects.count() == 0


def test_a_verb_without_a_reason_does_nothing_and_asks_again(operator: Person) -> None:
    letter = factories.make_letters(1)[0]
    for reason in ("", "   "):
        response = operator.confirm(JOBS, "requeue", [letter.job_id], reason=reason)
        assert response.status_code == 400
        assert "Say why" in text_of(response)
    assert Action.objects.count() == 0


def test_requeueing_dead_jobs_leaves_an_action_and_a_log_entry_each(operator: Person) -> None:
    dead = factories.make_letters(2)
    response = operator.confirm(JOBS, "requeue", [letter.job_id for letter in dead])
    assert response.status_code == 302
    assert set(Job.objects.values_list("state", flat=True)) == {State.QUEUED}
    actions = list(Action.objects.all())
    assert {action.object for action in actions} == {f"job:{letter.job_id}" for letter in dead}
    told = {(a.actor, a.verb, a.reason, a.request_id, a.source_address) for a in actions}
    assert told == {("olga", "requeue", "gateway is back", "r-7", "127.0.0.1")}
    assert all(a.before["state"] == "dead" and a.after["resolution"] == "requeued" for a in actions)
    entries = LogEntry.objects.all()
    assert {entry.object_id for entry in entries} == {str(letter.job_id) for letter in dead}
    assert {entry.change_message for entry in entries} == {"Requeue: gateway is back"}


def test_letters_and_jobs_are_discarded(operator: Person) -> None:
    by_letter, by_job = factories.make_letters(2)
    operator.confirm(LETTERS, "discard", [by_letter.id], reason="test data")
    operator.confirm(JOBS, "discard", [by_job.job_id], reason="test data")
    assert set(DeadLetter.objects.values_list("resolution", "resolution_reason")) == {("discarded", "test data")}
    again = operator.tick(JOBS, "requeue", [by_job.job_id])
    assert "1 discarded already" in text_of(again)
    assert "There is nothing here that can be touched" in text_of(again)


def test_waiting_jobs_are_cancelled_and_final_ones_left_alone(operator: Person) -> None:
    waiting, over = factories.make_jobs(3), factories.make_job(State.SUCCEEDED)
    flagged = factories.make_job(cancel_requested_at=over.created_at)
    page = text_of(operator.tick(JOBS, "cancel", [job.id for job in [*waiting, over, flagged]]))
    assert "Cancel 3 jobs" in page
    assert "1 succeeded already" in page
    assert "1 being cancelled already" in page
    operator.confirm(JOBS, "cancel", [job.id for job in [*waiting, over]])
    assert Job.objects.filter(cancel_requested_by="olga", cancel_reason="gateway is back").count() == 3
    assert Action.objects.filter(verb="cancel", actor="olga").count() == 3


def test_a_hundred_are_done_at_once_and_one_more_becomes_an_operation(operator: Person) -> None:
    letters = factories.make_letters(201)
    at_once, later = [x.id for x in letters[:100]], [x.id for x in letters[100:]]
    operator.confirm(LETTERS, "requeue", at_once)
    assert (Operation.objects.count(), DeadLetter.objects.filter(resolution="requeued").count()) == (0, 100)
    page = text_of(operator.tick(LETTERS, "requeue", later))
    assert "the keeper will do it as one operation" in page
    response = operator.confirm(LETTERS, "requeue", later)
    operation = Operation.objects.get()
    assert response.status_code == 302
    assert (operation.matched, operation.reason, operation.created_by) == (101, "gateway is back", "olga")
    assert operation.source_address == "127.0.0.1"
    assert LogEntry.objects.filter(object_id=str(operation.id)).count() == 1
    assert Action.objects.filter(object=f"operation:{operation.id}").count() == 1
    assert "Watch the operation" in text_of(operator.get(LETTERS))
    runner = Runner()
    for step in range(40):
        runner.run_once(operation.created_at, clock=float(step))
    assert not DeadLetter.objects.filter(resolution="open").exists()
    assert set(Action.objects.filter(verb="requeue").values_list("source_address", flat=True)) == {"127.0.0.1"}


def test_all_that_match_are_taken_but_not_those_that_came_later(operator: Person) -> None:
    factories.make_letters(60, task="send_email")
    factories.make_letters(2, task="generate_report")
    query, one = "?task=send_email&state=dead", [Job.objects.filter(task="send_email").first().id]  # type: ignore[union-attr]
    page = operator.tick(JOBS, "requeue", one, query=query, select_across="1")
    assert "Requeue 60 jobs" in text_of(page)
    upto = dict(page.context_data["target"].hidden)["upto"]
    late = factories.make_letters(1, task="send_email")[0]
    operator.tick(JOBS, "requeue", one, query=query, select_across="1", upto=upto, confirmed="1", reason="fixed")
    assert Job.objects.filter(state=State.QUEUED).count() == 60
    assert Job.objects.get(id=late.job_id).state == State.DEAD


def test_no_more_jobs_are_cancelled_than_a_request_can_wait_for(operator: Person) -> None:
    factories.make_jobs(1_003)
    first = [str(Job.objects.order_by("id")[0].id)]
    page = operator.tick(JOBS, "cancel", first, select_across="1")
    assert "Cancel 1000 jobs" in text_of(page)
    assert "3 beyond the 1000 that one go may cancel" in text_of(page)


@pytest.mark.parametrize("verb", ["cancel", "requeue", "discard"])
def test_a_viewer_is_offered_nothing_and_refused_what_they_forge(verb: str, viewer: Person) -> None:
    waiting, letter = factories.make_job(), factories.make_letters(1)[0]
    job = waiting if verb == "cancel" else letter.job
    listing = viewer.get(JOBS).content.decode()
    assert 'name="action"' not in listing
    assert "data-verb" not in viewer.get("jobs_job_change", job.id).content.decode()
    url = reverse("admin:jobs_job_verb", args=[job.id, verb])
    refusals = [
        viewer.tick(JOBS, verb, [job.id]),
        viewer.confirm(JOBS, verb, [job.id]),
        viewer.press("jobs_job", job.id, verb),
        viewer.client.get(url),
    ]
    assert [response.status_code for response in refusals] == [403] * 4
    permission = {"cancel": "jobs.cancel_job"}.get(verb, f"dlq.{verb}_deadletter")
    assert all(permission in text_of(response) for response in refusals)
    assert Action.objects.count() == 0
    assert LogEntry.objects.count() == 0


FORGED: dict[str, tuple[str, Callable[[], object], str]] = {
    "pause": ("jobs_queue", lambda: "high", "jobs.pause_queue"),
    "resume": ("jobs_queue", lambda: "high", "jobs.pause_queue"),
    "purge": ("jobs_queue", lambda: "high", "jobs.purge_queue"),
    "acknowledge": ("dlq_group", lambda: factories.make_letters(1)[0].group_id, "dlq.triage_group"),
    "mute": ("dlq_group", lambda: factories.make_letters(1)[0].group_id, "dlq.triage_group"),
    "requeue-edited": ("dlq_deadletter", lambda: factories.make_letters(1)[0].id, "dlq.requeue_deadletter"),
}


@pytest.mark.parametrize("verb", FORGED)
def test_a_viewer_is_refused_every_other_verb_too(verb: str, viewer: Person) -> None:
    name, make, permission = FORGED[verb]
    pk = make()
    assert "data-verb" not in viewer.get(f"{name}_change", pk).content.decode()
    response = viewer.press(name, pk, verb)
    assert response.status_code == 403
    assert permission in text_of(response)
    assert Action.objects.count() == 0


def test_the_verb_itself_is_asked_too(operator: Person) -> None:
    """Were the page's own look at permissions broken, the verb would still refuse."""
    letter = factories.make_letters(1)[0]
    operator.user.groups.clear()
    operator.user.user_permissions.clear()
    with (
        mock.patch("jobs.admin.verbs.Verb.may", return_value=True),
        mock.patch("jobs.admin.looking.LookingAdmin.has_view_permission", return_value=True),
    ):
        assert operator.press("dlq_deadletter", letter.id, "requeue").status_code == 403
    letter.refresh_from_db()
    assert letter.resolution == "open"


def test_an_operator_has_buttons_for_what_the_object_allows(operator: Person) -> None:
    letter, waiting = factories.make_letters(1)[0], factories.make_job()
    dead = operator.get("jobs_job_change", letter.job_id).context_data["buttons"]
    assert [verb.name for verb, _url in dead] == ["requeue", "requeue-edited", "discard"]
    queued = operator.get("jobs_job_change", waiting.id).context_data["buttons"]
    assert [verb.name for verb, _url in queued] == ["cancel"]
    assert operator.client.get(dead[0][1]).status_code == 200
    operator.press("jobs_job", letter.job_id, "requeue")
    assert Job.objects.get(id=letter.job_id).state == State.QUEUED
    late = operator.press("jobs_job", letter.job_id, "requeue")
    assert "1 can’t be touched" in text_of(late)


def test_an_edited_requeue_keeps_the_hidden_values_and_refuses_a_bad_payload(operator: Person) -> None:
    payload = {"to": "a@b.c", "subject": "Hi", "body": "x"}
    letter = factories.make_letters(1, task="noop", payload={**payload, "password": "hunter2"})[0]
    page = text_of(operator.get("jobs_job_verb", letter.job_id, "requeue-edited"))
    assert "[redacted]" in page
    assert "hunter2" not in page
    for bad in ("{", "[1]", ""):
        refused = operator.press("jobs_job", letter.job_id, "requeue-edited", payload=bad)
        assert refused.status_code == 400
    edited = '{"to": "new@b.c", "subject": "Hi", "body": "x", "password": "[redacted]"}'
    assert operator.press("jobs_job", letter.job_id, "requeue-edited", payload=edited).status_code == 302
    job = Job.objects.get(id=letter.job_id)
    assert job.payload == {**payload, "to": "new@b.c", "password": "hunter2"}
    letter.refresh_from_db()
    assert sorted(letter.payload_diff) == ["to"]


def test_a_payload_that_the_task_refuses_is_told_on_the_page(operator: Person) -> None:
    letter = factories.make_letters(1, task="send_email", payload={"to": "a@b.c", "subject": "Hi", "body": "x"})[0]
    refused = operator.press("dlq_deadletter", letter.id, "requeue-edited", payload='{"to": "a@b.c"}')
    assert refused.status_code == 400
    assert "subject" in text_of(refused)
    letter.refresh_from_db()
    assert letter.resolution == "open"


def test_queues_are_paused_and_resumed_and_only_purged_by_name(operator: Person, administrator: Person) -> None:
    factories.make_jobs(3, queue="high")
    operator.press("jobs_queue", "high", "pause", reason="incident")
    assert queues.paused_names() == {"high"}
    assert "incident" in text_of(operator.get("jobs_queue_changelist"))
    assert "1 can’t be touched" in text_of(operator.press("jobs_queue", "high", "pause"))
    operator.press("jobs_queue", "high", "resume")
    assert queues.paused_names() == set()
    assert operator.press("jobs_queue", "high", "purge", typed="high").status_code == 403
    mistyped = administrator.press("jobs_queue", "high", "purge", typed="hihg")
    assert mistyped.status_code == 400
    assert Job.objects.flagged().count() == 0
    administrator.press("jobs_queue", "high", "purge", typed="high")
    assert Action.objects.filter(verb="purge", actor="adam").count() == 3
    assert operator.get("jobs_queue_change", "nope").status_code == 302


def test_somebody_who_was_faster_is_told_about(operator: Person) -> None:
    Queue.objects.create(name="high")
    with mock.patch("jobs.control.queues.pause", side_effect=StateConflict("Queue high is paused already.")):
        response = operator.press("jobs_queue", "high", "pause")
    assert response.status_code == 400
    assert "paused already" in text_of(response)


def test_groups_are_triaged_and_decided_as_a_whole(operator: Person) -> None:
    letters = factories.make_letters(3)
    group = Group.objects.get()
    operator.confirm(GROUPS, "acknowledge", [group.pk])
    group.refresh_from_db()
    assert (group.state, group.state_by) == ("acknowledged", "olga")
    assert operator.press("dlq_group", group.pk, "mute", deaths="nonsense").status_code == 400
    operator.press("dlq_group", group.pk, "mute", deaths="5")
    group.refresh_from_db()
    assert (group.state, group.muted_until_total) == ("muted", 8)
    operator.press("dlq_group", group.pk, "requeue")
    operation = Operation.objects.get()
    assert (operation.matched, operation.filter) == (len(letters), {"fingerprint": group.fingerprint})
    operator.press("dlq_operation", operation.id, "cancel", reason="wrong group")
    operation.refresh_from_db()
    assert operation.state == "cancelled"
    assert list(Action.objects.order_by("id").values_list("verb", flat=True)) == [
        "acknowledge",
        "mute",
        "requeue",
        "cancel",
    ]


def test_a_superuser_may_do_everything() -> None:
    user = User.objects.create_superuser("root")
    client = Client()
    client.force_login(user)
    for name in (JOBS, LETTERS, GROUPS, "jobs_action_changelist", "jobs_apitoken_changelist", "jobs_queue_changelist"):
        assert client.get(reverse(f"admin:{name}")).status_code == 200


def test_an_unknown_object_or_verb_is_not_found(operator: Person) -> None:
    job = factories.make_job()
    assert operator.get("jobs_job_verb", job.id, "explode").status_code == 404
    assert operator.get("jobs_job_verb", UUID(int=0), "cancel").status_code == 404
    assert operator.get("jobs_job_verb", "nonsense", "cancel").status_code == 404
