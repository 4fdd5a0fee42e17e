"""`manage.py cancel`: by id or its start, with a reason; what has ended is a finding."""

from jobs.domain.states import State
from jobs.keeper.recorder import Recorder
from jobs.models import Action, Job
from tests import factories
from tests.integration.commands.conftest import Fail, Run, RunJson


def test_a_waiting_job_is_cancelled_by_the_start_of_its_id(manage: Run) -> None:
    job = factories.make_job()
    assert "revoked" in manage("cancel", str(job.id)[:23], "--reason", "wrong address")
    action = Action.objects.get()
    assert (action.verb, action.reason, action.actor.startswith("command:")) == ("cancel", "wrong address", True)
    Recorder().run_once()
    assert Job.objects.get().state == State.CANCELLED


def test_what_has_ended_is_named_and_the_others_are_cancelled(failing: Fail) -> None:
    over, waiting = factories.make_job(State.SUCCEEDED), factories.make_job()
    code, message = failing("cancel", str(over.id), str(waiting.id))
    assert code == 1
    assert f"Job {over.id} is succeeded already" in message
    waiting.refresh_from_db()
    assert waiting.cancel_requested_at is not None


def test_an_id_of_no_job_is_a_finding(failing: Fail) -> None:
    code, message = failing("cancel", "0192f000")
    assert (code, message.startswith("There is no job 0192f000")) == (1, True)
    assert failing("cancel", "nonsense")[0] == 1


def test_machines_get_what_the_api_answers(manage_json: RunJson) -> None:
    job = factories.make_job()
    assert manage_json("cancel", str(job.id)) == [{"task_id": str(job.id), "status": "revoked"}]
