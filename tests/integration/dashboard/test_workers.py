"""The workers' pages: who lives, who is gone with what it ran, who runs another release; and what they can be told."""

import time

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.queries import workers
from jobs.domain.states import Outcome, State
from jobs.models import Action, Attempt
from tests import factories


def page_of(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_a_worker_that_is_gone_is_shown_with_when_it_was_seen_and_what_it_ran(admin: Client) -> None:
    job, other = factories.make_jobs(2, State.RUNNING, task="send_email", queue="high")
    running = ((str(job.id), 1, "send_email"), (str(other.id), 1, "send_email"))
    factories.make_beat("high@gone", seconds_ago=90, incarnation="dead 1", running=running)
    factories.make_beat("low@here")
    Attempt.objects.update(incarnation="dead 1", worker="high@gone")
    text = page_of(admin, "/workers/")
    assert "last seen <time" in text
    assert "Running on workers that are gone" in text
    assert text.index("low@here") < text.index("high@gone")
    Attempt.objects.filter(job=job).update(outcome=Outcome.LOST, finished_at=timezone.now())
    assert "1 of its jobs rescued: they run again elsewhere." in page_of(admin, "/workers/")
    alone = page_of(admin, "/workers/high@gone/")
    assert "Last seen" in alone
    assert f"/jobs/{job.id}/" in alone
    assert "1 rescued" in alone


def test_a_clock_that_is_off_and_another_release_are_marked(admin: Client) -> None:
    now_ms = int(time.time() * 1000)
    for name in ("a@box", "b@box"):
        factories.make_beat(name, host_ms=now_ms)
    factories.make_beat("c@box", version="0.9", host_ms=now_ms + 5_000)
    factories.make_beat("d@box")
    found = {worker.beat.name: worker for worker in workers.read().workers}
    assert [name for name, worker in found.items() if worker.is_odd_version] == ["c@box"]
    assert [name for name, worker in found.items() if worker.is_skewed] == ["c@box"]
    assert found["d@box"].skew_seconds is None
    text = page_of(admin, "/workers/")
    assert "+5.0 s" in text or "+4.9 s" in text
    assert "Most workers run another release" in text


def test_workers_of_an_older_release_than_the_web_server_are_marked(admin: Client) -> None:
    factories.make_beat("a@box", version="0.9")
    assert "differs from the web server" in page_of(admin, "/workers/")


@pytest.mark.parametrize(("verb", "said"), [("quiet", "to be quiet"), ("wake", "take jobs again"), ("stop", "to stop")])
def test_a_worker_is_told_by_a_button_and_it_is_recorded(operator: Client, verb: str, said: str) -> None:
    factories.make_beat("high@box", is_quiet=verb == "wake")
    assert f"/workers/high@box/{verb}/" in page_of(operator, "/workers/high@box/")
    response = operator.post(f"/workers/high@box/{verb}/", {"reason": "a new disk"}, follow=True)
    assert said in " ".join(str(message) for message in response.context["messages"])
    action = Action.objects.get()
    assert (action.actor, action.object, action.reason) == ("operator", "worker:high@box", "a new disk")


def test_who_may_not_is_refused_and_sees_no_button(viewer: Client) -> None:
    factories.make_beat("high@box")
    assert 'action="/workers/' not in page_of(viewer, "/workers/high@box/")
    for verb in ("quiet", "wake", "stop"):
        response = viewer.post(f"/workers/high@box/{verb}/")
        assert response.status_code == 403
        assert "jobs.pause_queue" in response.content.decode()
    assert not Action.objects.exists()


def test_a_worker_that_is_gone_can_not_be_told(operator: Client) -> None:
    factories.make_beat("high@box", seconds_ago=60)
    assert 'action="/workers/' not in page_of(operator, "/workers/high@box/")
    assert operator.post("/workers/high@box/stop/").status_code == 404


def test_the_dialog_says_that_a_supervisor_starts_it_again(operator: Client) -> None:
    factories.make_beat("high@box")
    assert "<code>manage.py up</code> does so within seconds" in page_of(operator, "/workers/high@box/")
