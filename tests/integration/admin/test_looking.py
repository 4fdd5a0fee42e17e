"""What one sees in the admin, and what it costs."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dlq.models import DeadLetter, Group
from jobs.domain.states import State
from jobs.models import Action, ApiToken, Attempt, Job, Queue, Rollup
from jobs.models.ids import uuid7
from tests import factories
from tests.integration.admin.conftest import Person, text_of

QUERIES_MOST = 12
LISTS = ("jobs_job", "jobs_attempt", "jobs_action", "dlq_deadletter", "dlq_group", "dlq_operation", "jobs_queue")


def make_world() -> Job:
    job = factories.make_letters(3, task="send_email", payload={"to": "a@b.c", "password": "hunter2"})[0].job
    for number in range(2, 6):
        Attempt.objects.create(
            job=job, number=number, outcome="lost", finished_at=job.created_at, traceback="Trace of it"
        )
    Action.objects.bulk_create(
        [Action(actor="olga", verb="cancel", object=f"job:{job.id}", reason=f"no. {n}") for n in range(60)]
    )
    factories.make_jobs(60, State.SUCCEEDED)
    return job


@pytest.mark.parametrize("name", LISTS)
def test_no_list_asks_more_than_a_dozen_questions(name: str, operator: Person) -> None:
    make_world()
    assert operator.count_queries(f"{name}_changelist") <= QUERIES_MOST


def test_no_page_of_an_object_asks_more_than_a_dozen_questions(operator: Person) -> None:
    job = make_world()
    letter, attempt = job.dead_letters.get(), job.attempts.get(number=1)
    assert operator.count_queries("jobs_job_change", job.id) <= QUERIES_MOST
    assert operator.count_queries("dlq_deadletter_change", letter.id) <= QUERIES_MOST
    assert operator.count_queries("dlq_group_change", letter.group_id) <= QUERIES_MOST
    assert operator.count_queries("jobs_attempt_change", attempt.id) <= QUERIES_MOST
    assert operator.count_queries("jobs_queue_change", "high") <= QUERIES_MOST
    assert operator.count_queries("jobs_action_change", Action.objects.first().id) <= QUERIES_MOST  # type: ignore[union-attr]


def test_a_longer_list_asks_no_more_questions(operator: Person) -> None:
    factories.make_jobs(2, State.DEAD)
    few = operator.count_queries("jobs_job_changelist")
    factories.make_jobs(40, State.DEAD)
    assert operator.count_queries("jobs_job_changelist") == few


def test_a_job_is_shown_with_its_attempts_and_what_was_done_and_its_secrets_are_not(operator: Person) -> None:
    page = text_of(operator.get("jobs_job_change", make_world().id))
    for expected in ("a@b.c", "[redacted]", "Attempts (", "Trace of it", "What was done", "no. 59", "Dead letters"):
        assert expected in page
    assert "hunter2" not in page


def test_a_viewer_sees_neither_payloads_nor_error_texts_nor_the_audit(viewer: Person) -> None:
    job = make_world()
    page = text_of(viewer.get("jobs_job_change", job.id))
    for hidden in ("a@b.c", "Trace of it", "it broke", "What was done", "Payload"):
        assert hidden not in page
    assert "Oops" in page
    letter = text_of(viewer.get("dlq_deadletter_change", job.dead_letters.get().id))
    assert "a@b.c" not in letter
    assert "it broke" not in letter
    assert viewer.get("jobs_action_changelist").status_code == 403
    assert viewer.get("jobs_apitoken_changelist").status_code == 403
    attempt = job.attempts.filter(number=2).get()
    assert "Trace of it" not in text_of(viewer.get("jobs_attempt_change", attempt.id))


def test_nothing_here_is_added_changed_or_deleted_by_a_form(administrator: Person) -> None:
    job = make_world()
    letter = job.dead_letters.get()
    objects = [("jobs_job", job.id), ("dlq_deadletter", letter.id), ("jobs_attempt", job.attempts.first().id)]  # type: ignore[union-attr]
    objects += [("dlq_group", letter.group_id), ("jobs_action", Action.objects.first().id)]  # type: ignore[union-attr]
    for name, pk in objects:
        assert administrator.get(f"{name}_add").status_code == 403
        assert administrator.client.post(reverse(f"admin:{name}_change", args=[pk]), {"task": "x"}).status_code == 403
        assert administrator.client.post(reverse(f"admin:{name}_delete", args=[pk]), {"post": "yes"}).status_code == 403
    deletion = administrator.tick("jobs_action_changelist", "delete_selected", [objects[-1][1]], post="yes")
    assert deletion.status_code in (200, 302)
    assert Action.objects.count() == 60


@pytest.mark.parametrize("by", ["start of its id", "task", "tag", "correlation id"])
def test_a_job_is_found(by: str, operator: Person) -> None:
    job = factories.make_job(task="send_email", tags=["vip"], correlation_id="order-7", created_at=datetime.now(UTC))
    other = factories.make_job(task="generate_report", id=UUID(int=uuid7().int ^ (0xFFFF << 100)))
    term = {"start of its id": str(job.id)[:13], "task": "send_", "tag": "tag:vip", "correlation id": "order-7"}[by]
    page = operator.get("jobs_job_changelist", q=term).content.decode()
    assert reverse("admin:jobs_job_change", args=[job.id]) in page
    assert reverse("admin:jobs_job_change", args=[other.id]) not in page


def test_a_search_that_means_nothing_says_so(operator: Person) -> None:
    factories.make_job()
    response = operator.get("jobs_job_changelist", q="colour:red")
    assert "There is no field" in text_of(response)
    assert "colour" in text_of(response)


def test_a_viewer_can_not_ask_about_payloads(viewer: Person) -> None:
    factories.make_job(payload={"pin": "1234"})
    assert viewer.get("jobs_job_changelist", q="args.pin:1234").status_code == 403


@pytest.mark.parametrize(
    ("column", "value", "found"), [("state", "dead", 2), ("queue", "high", 3), ("task", "noop", 5), ("state", "x", 0)]
)
def test_filters_narrow_the_list(column: str, value: str, found: int, operator: Person) -> None:
    factories.make_jobs(3, queue="high")
    factories.make_jobs(2, State.DEAD)
    response = operator.get("jobs_job_changelist", **{column: value})
    assert response.context_data["cl"].result_count == found


def test_dates_are_jumped_to_without_looking_up_which_have_rows(operator: Person) -> None:
    now = datetime(2026, 3, 15, 12, tzinfo=UTC)
    for days in (0, 1, 40):
        factories.make_job(now=now - timedelta(days=days))
    with CaptureQueriesContext(connection) as captured:
        page = operator.get("jobs_job_changelist", created_at__year="2026", created_at__month="3")
    assert page.context_data["cl"].result_count == 2
    assert [jump.title for jump in page.context_data["jumps"].choices] == [f"March {day}" for day in range(1, 16)]
    statements = " ".join(query["sql"] for query in captured.captured_queries)
    assert not re.search(r"DISTINCT|TRUNC|django_datetime", statements)
    day = operator.get("jobs_job_changelist", created_at__year="2026", created_at__month="3", created_at__day="14")
    assert day.context_data["cl"].result_count == 1
    for odd in ("2026x", "99999", "0", "-1"):
        assert operator.get("jobs_job_changelist", created_at__year=odd).status_code in (200, 302)


def test_the_audit_trail_is_jumped_by_its_keys(operator: Person) -> None:
    Action.objects.create(actor="olga", verb="cancel", object="job:1")
    today = datetime.now(UTC)
    parts = {"at__year": str(today.year), "at__month": str(today.month), "at__day": str(today.day)}
    assert operator.get("jobs_action_changelist", **parts).context_data["cl"].result_count == 1
    assert operator.get("jobs_action_changelist", at__year="2001").context_data["cl"].result_count == 0


def test_the_index_shows_depths_and_open_groups_and_the_way_to_the_dashboard(operator: Person) -> None:
    factories.make_jobs(4, queue="high")
    factories.make_letters(2)
    response = operator.get("index")
    page = text_of(response)
    assert re.search(r"high 4 ", page)
    assert "2 open dead letters" in page
    assert Group.objects.get().title in page
    assert f'href="{reverse("dashboard:overview")}"' in response.content.decode()
    assert operator.count_queries("index") <= QUERIES_MOST + 6  # one list per application, its log, and the pulse


def test_beat_and_results_keep_their_admins_and_rollups_are_hidden() -> None:
    shown = {model._meta.label for model in admin.site._registry}
    ours = {model._meta.label for model in (Job, Attempt, Action, ApiToken, Queue, DeadLetter, Group)}
    assert ours <= shown
    assert {"django_celery_beat.PeriodicTask", "django_celery_results.TaskResult", "dlq.Operation"} <= shown
    assert Rollup._meta.label not in shown


def test_every_page_forbids_what_the_dashboard_forbids(operator: Person) -> None:
    job = make_world()
    pages = [operator.get(f"{name}_changelist") for name in LISTS] + [
        operator.get("index"),
        operator.get("jobs_job_change", job.id),
    ]
    pages += [operator.get("jobs_job_verb", job.id, "requeue"), operator.get("jobs_apitoken_changelist")]
    for page in pages:
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert page.headers["Cache-Control"] == "no-store, private"
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)[^>]*>", page.content.decode())


def test_nobody_reaches_the_admin_without_being_staff(operator: Person) -> None:
    operator.user.is_staff = False
    operator.user.save()
    assert operator.get("jobs_job_changelist").status_code == 302
