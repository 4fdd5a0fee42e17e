"""Who may see and do what on the pages: the same rights as everywhere."""

from collections.abc import Callable

import pytest
from django.test import Client

from jobs.domain.states import State
from jobs.models import Action, Job
from tests.integration.dashboard.conftest import World


def test_nobody_is_sent_to_the_login_and_back(world: World, browser_as: Callable[[str], Client]) -> None:
    for path in world.pages:
        response = browser_as("nobody").get(path)
        assert response.status_code == 302, path
        assert response["Location"].startswith("/login/?next="), path


def test_the_login_page_takes_the_name_and_the_password(browser_as: Callable[[str], Client]) -> None:
    from django.contrib.auth.models import User

    User.objects.create_superuser("root", password="correct horse")
    client = Client()
    assert (
        "The name or the password is wrong."
        in client.post("/login/", {"username": "root", "password": "no"}).content.decode()
    )
    response = client.post("/login/", {"username": "root", "password": "correct horse", "next": "/queues/"})
    assert response["Location"] == "/queues/"
    assert client.get("/queues/").status_code == 200


def test_a_viewer_sees_no_payload_result_or_error_text(world: World, viewer: Client, operator: Client) -> None:
    Job.objects.filter(id=world.jobs[State.SUCCEEDED].id).update(
        result={"secret_result": 1}, payload={"p": "in-payload"}
    )
    Job.objects.filter(id=world.letter.job_id).update(error="text-of-the-error")
    for path in world.pages:
        if path not in ("/audit/", "/jobs/new/", "/jobs/new/?task=send_email"):
            text = viewer.get(path).content.decode()
            for hidden in ("secret_result", "in-payload", "text-of-the-error", world.letter.error):
                assert hidden not in text, f"{path} shows {hidden}"
    assert "in-payload" in operator.get(f"/jobs/{world.jobs[State.SUCCEEDED].id}/").content.decode()


def test_secrets_in_a_payload_are_shown_to_nobody(world: World, admin: Client) -> None:
    text = admin.get(f"/jobs/{world.letter.job_id}/").content.decode()
    assert "hunter2" not in text
    assert "[redacted]" in text


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/jobs/{queued}/cancel/", "jobs.cancel_job"),
        ("/queues/high/pause/", "jobs.pause_queue"),
        ("/queues/low/resume/", "jobs.pause_queue"),
        ("/queues/high/purge/", "jobs.purge_queue"),
        ("/dead/{letter}/requeue/", "dlq.requeue_deadletter"),
        ("/dead/{letter}/discard/", "dlq.discard_deadletter"),
        ("/failures/{group}/triage/", "dlq.triage_group"),
        ("/jobs/new/", "jobs.submit_job"),
    ],
)
def test_a_viewer_is_refused_by_the_name_of_the_permission(
    world: World, viewer: Client, path: str, permission: str
) -> None:
    ids = {"queued": world.jobs[State.QUEUED].id, "letter": world.letter.id, "group": world.letter.fingerprint}
    actions = Action.objects.count()
    response = viewer.post(path.format(**ids), {"verb": "acknowledge", "typed": "high", "task": "noop"})
    assert response.status_code == 403
    assert permission in response.content.decode()
    assert Action.objects.count() == actions


def test_an_operation_without_the_right_is_refused_by_the_verb_itself(world: World, viewer: Client) -> None:
    response = viewer.post(f"/failures/{world.letter.fingerprint}/operate/", {"verb": "requeue"})
    assert response.status_code == 403
    assert "dlq.requeue_deadletter" in response.content.decode()
    assert viewer.post("/jobs/act/", {"verb": "cancel", "id": [str(world.jobs[State.QUEUED].id)]}).status_code == 403


def test_a_viewer_can_not_find_out_about_payloads_by_searching(world: World, viewer: Client) -> None:
    assert viewer.get("/jobs/?q=args.password:hunter2").status_code == 403
    assert viewer.get("/audit/").status_code == 403


def test_a_form_without_its_token_changes_nothing(world: World, admin: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin.cookies
    job = world.jobs[State.QUEUED]
    assert strict.post(f"/jobs/{job.id}/cancel/").status_code == 403
    job.refresh_from_db()
    assert job.cancel_requested_at is None


def test_looking_is_never_doing(world: World, admin: Client) -> None:
    for path in (f"/jobs/{world.jobs[State.QUEUED].id}/cancel/", "/queues/high/pause/", "/jobs/act/", "/preferences/"):
        assert admin.get(path).status_code == 405, path
