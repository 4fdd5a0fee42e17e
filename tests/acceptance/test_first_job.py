"""The shortest story: a job is submitted, a worker runs it, the keeper records it, a client can see it."""

import urllib.request

from tests.support.stack import Stack


def test_a_submitted_job_runs_and_is_recorded(stack: Stack) -> None:
    stack.start_keeper()
    stack.start_worker(queues="default")
    job_id = stack.submit("noop", {"word": "hello"})
    assert stack.wait_for_state(job_id, "succeeded") == "succeeded"
    attempts = f"list(Attempt.objects.filter(job_id={job_id!r}).values_list('number', 'outcome'))"
    assert stack.evaluate(attempts) == [[1, "succeeded"]]


def test_the_web_server_answers_without_a_worker(stack: Stack) -> None:
    stack.start_web()
    with urllib.request.urlopen(stack.url("/healthz"), timeout=5) as response:
        assert response.status == 200
