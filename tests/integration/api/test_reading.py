"""Reading one task over HTTP: what is shown, and what is hidden from whom."""

from typing import Any

import pytest

from jobs.domain.states import State
from jobs.models import Attempt, Job
from tests import factories
from tests.integration.api.conftest import Caller

SECRET = {"to": "a", "Password": "hunter2", "nested": [{"api_key": "k", "plain": 1}]}
DETAIL_KEYS = {
    "task_id", "status", "state", "task_type", "priority", "payload", "attempt", "max_attempts", "progress", "tags",
    "correlation_id", "created_at", "run_at", "started_at", "finished_at", "attempts", "dead_letter", "result", "error",
    "traceback",
}  # fmt: skip
ATTEMPT_KEYS = {
    "number", "outcome", "worker", "pid", "started_at", "finished_at", "wait_seconds", "run_seconds", "error",
    "error_type", "traceback", "retry_at", "late_outcome",
}  # fmt: skip


def dead_job() -> Job:
    job = factories.make_job(State.DEAD, payload=SECRET, error="boom at 7", error_type="ValueError")
    Attempt.objects.filter(job=job).update(error="boom at 7", error_type="ValueError", traceback="Traceback: boom")
    return job


def shown(caller: Caller, job: Job) -> dict[str, Any]:
    answer = caller.get(f"/api/tasks/{job.id}")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def ids_of(caller: Caller, query: str = "") -> list[str]:
    answer = caller.get(f"/api/tasks?{query}")
    assert answer.status_code == 200, answer.content
    return [task["task_id"] for task in answer.json()["results"]]


class TestOneTask:
    @pytest.mark.parametrize(
        ("state", "status"),
        [
            (State.SCHEDULED, "PENDING"),
            (State.QUEUED, "PENDING"),
            (State.RUNNING, "STARTED"),
            (State.RETRYING, "RETRY"),
            (State.SUCCEEDED, "SUCCESS"),
            (State.DEAD, "FAILURE"),
            (State.CANCELLED, "REVOKED"),
            (State.EXPIRED, "REVOKED"),
        ],
    )
    def test_every_state_is_told_in_celerys_words_too(self, operator: Caller, state: State, status: str) -> None:
        told = shown(operator, factories.make_job(state))
        assert (told["state"], told["status"]) == (state, status)
        assert told.keys() >= DETAIL_KEYS

    def test_a_dead_one_shows_its_error_attempts_and_dead_letter(self, operator: Caller) -> None:
        told = shown(operator, dead_job())
        assert (told["error"], told["traceback"]) == ("boom at 7", "Traceback: boom")
        assert told["attempts"][0].keys() == ATTEMPT_KEYS
        assert told["attempts"][0]["outcome"] == "failed"
        assert told["dead_letter"].keys() == {"id", "reason", "resolution", "fingerprint", "created_at"}
        assert told["dead_letter"]["resolution"] == "open"

    def test_one_that_waits_has_nothing_to_show_yet(self, operator: Caller) -> None:
        told = shown(operator, factories.make_job(State.QUEUED))
        empty = ("result", "error", "traceback", "progress", "started_at", "finished_at", "dead_letter")
        assert [told[name] for name in empty] == [None] * 7
        assert told["attempts"] == []

    @pytest.mark.parametrize(
        ("state", "columns", "expected"),
        [
            (State.QUEUED, {"max_retries": 5}, 6),
            (State.QUEUED, {"max_retries": 0}, 1),
            (State.RUNNING, {"max_retries": 5, "attempt": 1, "failures": 0}, 6),
            (State.RETRYING, {"max_retries": 5, "attempt": 2, "closed": 2, "failures": 2}, 6),
            (State.RETRYING, {"max_retries": 5, "attempt": 3, "closed": 3, "failures": 2}, 7),
            (State.QUEUED, {"max_retries": 5, "attempt": 6, "closed": 6, "failures": 0}, 12),
            (State.DEAD, {"max_retries": 5, "attempt": 1}, 1),
            (State.QUEUED, {"max_retries": None}, None),
        ],
    )
    def test_max_attempts_is_the_number_at_which_it_dies(
        self, operator: Caller, state: State, columns: dict[str, Any], expected: int | None
    ) -> None:
        job = factories.make_job(state)
        Job.objects.filter(id=job.id).update(**columns)
        assert shown(operator, job)["max_attempts"] == expected


class TestHiding:
    def test_secrets_are_redacted_whoever_looks(self, operator: Caller) -> None:
        told = shown(operator, dead_job())
        assert told["payload"] == {
            "to": "a",
            "Password": "[redacted]",
            "nested": [{"api_key": "[redacted]", "plain": 1}],
        }

    def test_the_pattern_is_a_setting(self, operator: Caller, settings: Any) -> None:
        settings.TASKQUEUE = {**settings.TASKQUEUE, "SECRET_KEYS": "^plain$"}
        told = shown(operator, dead_job())["payload"]
        assert told["Password"] == "hunter2"
        assert told["nested"] == [{"api_key": "k", "plain": "[redacted]"}]

    def test_what_the_task_receives_is_not_redacted(self, operator: Caller) -> None:
        sent = {"task_type": "noop", "payload": {"password": "hunter2"}}
        task_id = operator.post("/api/tasks/submit", sent).json()["task_id"]
        assert Job.objects.get(id=task_id).payload == {"password": "hunter2"}

    def test_a_viewer_sees_no_payload_result_or_error_text_anywhere(self, viewer: Caller) -> None:
        job = dead_job()
        Job.objects.filter(id=job.id).update(result={"a": "hunter2"})
        told = shown(viewer, job)
        assert [told[name] for name in ("payload", "args", "result", "error", "traceback")] == [None] * 5
        assert [told["attempts"][0][name] for name in ("error", "traceback")] == [None] * 2
        assert told["attempts"][0]["error_type"] == "ValueError"
        everywhere = viewer.get(f"/api/tasks/{job.id}").content + viewer.get("/api/tasks").content
        assert not any(text in everywhere for text in (b"hunter2", b"boom"))

    def test_a_viewer_cannot_find_out_about_error_texts_by_filtering(self, viewer: Caller, operator: Caller) -> None:
        job = dead_job()
        assert ids_of(operator, "error=boom") == [str(job.id)]
        assert ids_of(viewer, "error=boom") == []
        assert ids_of(viewer, "error=ValueError") == [str(job.id)]

    def test_secrets_in_results_are_redacted(self, operator: Caller) -> None:
        job = factories.make_job(State.SUCCEEDED, result={"access_token": "t", "n": 1})
        assert shown(operator, job)["result"] == {"access_token": "[redacted]", "n": 1}
