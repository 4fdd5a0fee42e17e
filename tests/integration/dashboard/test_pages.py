"""Every page: it renders, asks little, runs nothing inline, and says what assistive technology needs."""

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dashboard.access import POLICY
from jobs.domain.states import State
from jobs.models import Job
from tests import factories
from tests.integration.dashboard.conftest import World

QUERIES_MOST = 15
# Asked before the page is: the session, the user, that one's permissions.
WHO_ASKS = ("django_session", "auth_user", "auth_group", "auth_permission")


class Markup(HTMLParser):
    """What a page must not have, and what it must."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.offences: list[str] = []
        self.headings = 0
        self.landmarks: set[str] = set()
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or "style" in given:
            self.offences.append(f"<{tag} style>")
        if tag == "script" and "src" not in given and given.get("type") != "application/json":
            self.offences.append("<script> without src")
        self.offences += [f"<{tag} {name}>" for name in given if name.startswith("on")]
        self.headings += tag == "h1"
        self.landmarks.add(tag)
        if given.get("id"):
            self.ids.append(str(given["id"]))


def queries_of(client: Client, path: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = client.get(path)
    assert response.status_code == 200, f"{path}: {response.status_code}"
    asked = [query["sql"] for query in captured]
    return [sql for sql in asked if sql.startswith("SELECT") and not any(name in sql for name in WHO_ASKS)]


def test_every_page_renders_with_few_queries(world: World, admin: Client) -> None:
    for path in world.pages:
        queries_of(admin, path)  # what is cached in the process is no part of it
        asked = queries_of(admin, path)
        assert len(asked) <= QUERIES_MOST, f"{path}: {len(asked)} queries:\n" + "\n".join(asked)


def test_no_page_asks_more_when_there_is_more(world: World, admin: Client) -> None:
    paths = [
        "/",
        "/jobs/",
        "/dead/",
        "/failures/",
        f"/failures/{world.letter.fingerprint}/",
        "/queues/high/",
        "/workers/",
    ]
    before = {path: len(queries_of(admin, path)) for path in paths}
    factories.make_jobs(60, State.SUCCEEDED, task="send_email", queue="high")
    factories.make_letters(60, task="send_email", queue="high")
    assert {path: len(queries_of(admin, path)) for path in paths} == before


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_no_page_runs_anything_inline(world: World, browser_as: Callable[[str], Client], role: str) -> None:
    for path in [*world.pages, "/no-such/", f"/jobs/{'0' * 8}-0000-7000-8000-{'0' * 12}/"]:
        response = browser_as(role).get(path)
        markup = Markup(response.content.decode())
        assert markup.offences == [], path
        if path != "/no-such/":
            assert response["Content-Security-Policy"] == POLICY, path


def test_every_page_has_one_heading_a_main_part_and_unique_ids(world: World, admin: Client) -> None:
    for path in world.pages:
        markup = Markup(admin.get(path).content.decode())
        assert markup.headings == 1, path
        assert {"main", "nav", "header", "footer"} <= markup.landmarks, path
        assert len(markup.ids) == len(set(markup.ids)), (
            f"{path}: {sorted(i for i in markup.ids if markup.ids.count(i) > 1)}"
        )


def test_a_paused_queue_is_said_on_every_page_and_its_reason_is_no_markup(world: World, admin: Client) -> None:
    for path in world.pages:
        text = admin.get(path).content.decode()
        assert 'data-paused="low"' in text, path
        assert "deploy &lt;b&gt;now&lt;/b&gt;" in text, path


def test_the_first_screen_of_an_empty_installation_says_how_to_begin(admin: Client) -> None:
    text = admin.get("/").content.decode()
    assert "No jobs yet" in text
    assert "send_email.submit" in text
    assert "The keeper is silent" in text


def test_a_job_that_was_pruned_is_told_with_what_was_done_to_it(world: World, admin: Client) -> None:
    job = world.jobs[State.QUEUED]
    admin.post(f"/jobs/{job.id}/cancel/", {"reason": "not needed"})
    Job.objects.filter(id=job.id).delete()
    response = admin.get(f"/jobs/{job.id}/")
    assert response.status_code == 404
    assert "not needed" in response.content.decode()


def test_an_id_or_its_beginning_leads_to_the_job(world: World, admin: Client) -> None:
    job = world.jobs[State.DEAD]
    assert admin.get(f"/search/?q={job.id}", follow=True).redirect_chain[-1][0] == f"/jobs/{job.id}/"
    assert admin.get("/j/zzz/").status_code == 404
    assert admin.get("/search/?q=state:dead")["Location"] == "/jobs/?q=state%3Adead"


def test_a_waiting_job_says_why_it_is_not_running(world: World, admin: Client) -> None:
    text = admin.get(f"/jobs/{world.jobs[State.QUEUED].id}/").content.decode()
    assert "No live worker takes from the queue default." in text
    paused = factories.make_job(State.QUEUED, queue="low")
    assert "olga paused the queue low" in admin.get(f"/jobs/{paused.id}/").content.decode()
    assert "It is scheduled." in admin.get(f"/jobs/{world.jobs[State.SCHEDULED].id}/").content.decode()


def test_older_and_newer_pages_meet_without_gap_or_repetition(admin: Client) -> None:
    jobs = [str(job.id) for job in reversed(factories.make_jobs(120, State.SUCCEEDED))]
    seen, cursor = list[str](), ""
    while True:
        page = admin.get(f"/jobs/?cursor={cursor}" if cursor else "/jobs/").context["page"]
        seen += [str(row.job.id) for row in page.rows]
        cursor = page.older
        if not cursor:
            break
    assert seen == jobs
    back = admin.get(f"/jobs/?cursor={page.newer}").context["page"]
    assert [str(row.job.id) for row in back.rows] == jobs[50:100]
