"""`manage.py prune`: what it would do, what it does, and the record of it."""

from datetime import timedelta

from django.utils import timezone

from jobs.domain.states import State
from jobs.models import Action, Job
from tests import factories
from tests.integration.commands.conftest import Run, RunJson

OLD = timezone.now() - timedelta(days=31)


def test_a_dry_run_counts_and_deletes_nothing(manage: Run, manage_json: RunJson) -> None:
    factories.make_jobs(3, State.SUCCEEDED, now=OLD, queue="low")
    assert manage_json("prune", "--dry-run") == [{"queue": "low", "state": "succeeded", "jobs": 3, "bodies": 0}]
    assert "succeeded" in manage("prune", "--dry-run")
    assert Job.objects.count() == 3
    assert not Action.objects.exists()


def test_it_deletes_what_is_past_its_time_and_leaves_a_record(manage: Run, manage_json: RunJson) -> None:
    factories.make_jobs(3, State.SUCCEEDED, now=OLD)
    kept = factories.make_job(State.SUCCEEDED)
    assert manage_json("prune", "--reason", "disk is full")["jobs"] == 3
    assert Job.objects.get().id == kept.id
    action = Action.objects.get()
    assert (action.verb, action.reason, action.after) == ("prune", "disk is full", {"jobs": 3, "bodies": 0})
    assert manage("prune").startswith("0 jobs deleted")
    assert "Nothing is past" in manage("prune", "--dry-run")
