"""One job: everything about it, links to where else it is told of, and reasons where a button does nothing."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.queries import detail, waterfall
from jobs import conf
from jobs.domain.states import Outcome, State
from jobs.models import Attempt, Job
from tests import factories


def page_of(client: Client, job: Job, query: str = "") -> str:
    response = client.get(f"/jobs/{job.id}/{query}")
    assert response.status_code == 200
    return response.content.decode()


def attempts_of(job: Job, count: int) -> list[Attempt]:
    begins = timezone.now() - timedelta(hours=1)
    return Attempt.objects.bulk_create(
        Attempt(
            job=job,
            number=number,
            outcome=Outcome.FAILED,
            worker="worker@test",
            started_at=begins + timedelta(seconds=60 * number),
            finished_at=begins + timedelta(seconds=60 * number + 5),
            run_seconds=5.0,
            log=f"line of {number}",
        )
        for number in range(1, count + 1)
    )


def test_an_attempt_leads_to_its_logs_trace_and_error(operator: Client, settings: object) -> None:
    job = factories.make_job(State.DEAD, task="send mail", correlation_id="a/b")
    Attempt.objects.filter(job=job).update(error_type="shop.Refused")
    settings.TASKQUEUE = {  # type: ignore[attr-defined]
        **settings.TASKQUEUE,  # type: ignore[attr-defined]
        "LOG_URL_TEMPLATE": "https://logs.test/?q={job_id}+{attempt}&task={task}&c={correlation_id}&x={nothing}",
        "TRACE_URL_TEMPLATE": "javascript:alert({job_id})",
        "SENTRY_URL_TEMPLATE": "https://sentry.test/?q={error_type}",
    }
    conf.forget()
    try:
        text = page_of(operator, job)
    finally:
        conf.forget()
    assert f'href="https://logs.test/?q={job.id}+1&amp;task=send%20mail&amp;c=a%2Fb&amp;x="' in text
    assert 'href="https://sentry.test/?q=shop.Refused"' in text
    assert "javascript:" not in text


def test_the_raw_row_is_whole_but_for_secrets_and_what_somebody_may_not_see(operator: Client, viewer: Client) -> None:
    job = factories.make_job(State.SUCCEEDED, payload={"order": 17, "token": "hunter2"}, result={"paid": "yes"})
    raw = operator.get(f"/jobs/{job.id}/").context["detail"].raw
    assert (raw["payload"], raw["result"], raw["attempts"][0]["number"]) == (job.payload, job.result, 1)
    assert "hunter2" not in page_of(operator, job)
    hidden = viewer.get(f"/jobs/{job.id}/").context["detail"].raw
    assert {"payload", "result", "args", "error", "options"} & hidden.keys() == set()


def test_a_task_that_nobody_knows_can_not_be_requeued_and_the_page_says_why(operator: Client) -> None:
    gone, known = factories.make_job(State.DEAD, task="shop.gone"), factories.make_job(State.DEAD, task="noop")
    assert "The task shop.gone is not known here" in page_of(operator, gone)
    assert "requeue-reason" not in page_of(operator, gone)
    assert "requeue-reason" in page_of(operator, known)


def test_what_retention_let_go_is_told_and_can_not_run_again(operator: Client) -> None:
    dead = factories.make_job(State.DEAD, stripped_at=timezone.now())
    over = factories.make_job(State.SUCCEEDED, stripped_at=timezone.now())
    assert "so it can’t run again" in page_of(operator, dead)
    assert "requeue-reason" not in page_of(operator, dead)
    assert "Retention let it go" in page_of(operator, over)


def test_those_who_belong_together_are_named(operator: Client) -> None:
    parent = factories.make_job(State.SUCCEEDED)
    job, beside = (factories.make_job(State.QUEUED, parent_id=parent.id, root_id=parent.id) for _ in range(2))
    child = factories.make_job(State.QUEUED, parent_id=job.id, root_id=parent.id)
    related = dict(operator.get(f"/jobs/{job.id}/").context["detail"].related)
    assert {title: [one.id for one in members] for title, members in related.items()} == {
        "Submitted by": [parent.id],
        "Followed by": [child.id],
        "Beside it": [beside.id],
    }
    first, second = factories.make_jobs(2, State.DEAD)
    related = dict(operator.get(f"/jobs/{first.id}/").context["detail"].related)
    assert [one.id for one in related["Died of the same"]] == [second.id]


def test_many_attempts_cost_no_more_and_the_newest_are_shown(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detail, "ATTEMPTS_SHOWN", 3)
    few, many = (factories.make_job(State.QUEUED, attempt=n, closed=n) for n in (1, 5))
    attempts_of(few, 1)
    attempts_of(many, 5)
    counts, text = list[int](), ""
    for job in (few, few, many):
        with CaptureQueriesContext(connection) as captured:
            text = page_of(operator, job)
        counts.append(len(captured))
    assert counts[1] == counts[2]
    assert "line of 3" in text
    assert "line of 2" not in text


def test_the_axis_zooms_to_one_attempt(operator: Client) -> None:
    job = factories.make_job(State.QUEUED, attempt=3, closed=3)
    attempts = attempts_of(job, 3)
    whole = waterfall.draw(job, attempts, now=timezone.now())
    one = waterfall.draw(job, attempts, now=timezone.now(), only=2)
    assert ([lane.number for lane in whole.lanes], [lane.number for lane in one.lanes]) == ([1, 2, 3, 4], [2])
    assert one.seconds == pytest.approx(5, abs=0.2)
    assert "attempt 2 only" in page_of(operator, job, "?attempt=2")
    assert "show all" not in page_of(operator, job, "?attempt=99")
