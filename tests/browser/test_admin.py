"""Support staff in Django's admin: an operator requeues what died, a viewer can only look."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import AXE, PASSWORD, Visitor
from tests.support.story import Story

STAFF = f"""
from django.contrib.auth.models import Group, User
for name, role in (("olga", "Operator"), ("vera", "Viewer")):
    user, made = User.objects.get_or_create(username=name, is_staff=True)
    user.set_password({PASSWORD!r})
    user.save()
    user.groups.add(Group.objects.get(name=role))
"""


@pytest.fixture
def staff(story: Story) -> None:
    story.call(STAFF)


def die_once(story: Story, count: int) -> list[str]:
    """Jobs that died of something that is mended now: their next attempt succeeds."""
    payloads = [{"marks": str(story.marks_file()), "failures": 3} for _ in range(count)]
    jobs = story.enqueue_many("fail_late", payloads)
    assert story.wait_for_ends(jobs, seconds=120) == {"dead": count}
    return jobs


def die(story: Story) -> str:
    job = story.enqueue("discard")
    story.wait_for_state(job, "dead", seconds=60)
    return job


def test_an_operator_requeues_all_dead_jobs_of_one_task_and_sees_them_succeed(
    visitor: Visitor, story: Story, staff: None
) -> None:
    jobs, other = die_once(story, 3), die(story)
    with visitor.page("olga") as page:
        page.goto("/admin/")
        expect(page.locator(".pulse")).to_contain_text("open dead letters")
        page.goto("/admin/jobs/job/")
        page.locator("#changelist-filter").get_by_role("link", name="dead", exact=True).click()
        page.locator("#changelist-filter").get_by_role("link", name="fail_late", exact=True).click()
        expect(page.locator("#result_list tbody tr")).to_have_count(3)
        page.locator("#action-toggle").check()
        page.get_by_label("Action:").select_option("requeue")
        page.get_by_role("button", name="Go", exact=True).click()
        expect(page.locator(".lead")).to_contain_text("Requeue 3 jobs")
        page.get_by_label("Reason").fill("the gateway is back")
        page.get_by_role("button", name="Requeue 3").click()
        expect(page.locator(".messagelist")).to_contain_text("3 requeued with the full budget.")
        assert story.wait_for_ends(jobs, seconds=120) == {"succeeded": 3}
        page.goto("/admin/jobs/job/?state=succeeded&task=fail_late")
        expect(page.locator("#result_list tbody tr")).to_have_count(3)
        page.goto("/admin/jobs/action/?verb=requeue")
        expect(page.locator("#result_list tbody tr", has_text="the gateway is back")).to_have_count(3)
        expect(page.locator("#result_list tbody tr").first).to_contain_text("olga")
        page.goto(f"/admin/jobs/job/{jobs[0]}/change/")
        expect(page.locator(".tally-section", has_text="What was done")).to_contain_text("the gateway is back")
    assert story.state_of(other) == "dead"


def test_a_button_on_the_page_of_a_job_asks_for_the_reason_first(visitor: Visitor, story: Story, staff: None) -> None:
    job = die(story)
    with visitor.page("olga") as page:
        page.goto(f"/admin/jobs/job/{job}/change/")
        page.get_by_role("link", name="Discard").click()
        expect(page.locator("h1")).to_have_text("Discard: are you sure?")
        page.get_by_label("Reason").fill("a duplicate")
        page.get_by_role("button", name="Discard").click()
        expect(page.locator(".messagelist")).to_contain_text("1 discarded.")
        expect(page.locator(".tally-section", has_text="Dead letters")).to_contain_text("a duplicate")
        expect(page.locator(".object-tools [data-verb]")).to_have_count(0)


def test_a_viewer_sees_no_buttons_and_a_forged_post_is_refused(visitor: Visitor, story: Story, staff: None) -> None:
    job = die(story)
    with visitor.page("vera") as page:
        page.goto("/admin/jobs/job/?state=dead")
        expect(page.locator("#result_list tbody tr").first).to_be_visible()
        expect(page.locator("select[name=action], input[type=checkbox]")).to_have_count(0)
        page.goto(f"/admin/jobs/job/{job}/change/")
        expect(page.locator("[data-verb]")).to_have_count(0)
        form: dict[str, str | float | bool] = {
            "confirmed": "1",
            "reason": "forged",
            "csrfmiddlewaretoken": _token(page),
        }
        headers = {"Referer": page.url}
        forged = page.request.post(f"/admin/jobs/job/{job}/verbs/requeue/", form=form, headers=headers)
        assert forged.status == 403
        assert "dlq.requeue_deadletter" in forged.text()
        listed: dict[str, str | float | bool] = {
            **form,
            "action": "requeue",
            "index": "0",
            "select_across": "0",
            "_selected_action": job,
        }
        assert page.request.post("/admin/jobs/job/", form=listed, headers=headers).status == 403
    assert story.state_of(job) == "dead"


PAGES = (
    "/admin/",
    "/admin/jobs/job/",
    "/admin/jobs/queue/",
    "/admin/jobs/queue/high/verbs/pause/",
    "/admin/dlq/deadletter/",
    "/admin/dlq/group/",
    "/admin/jobs/apitoken/add/",
    "/admin/auth/user/add/",
    "/admin/django_celery_beat/periodictask/add/",
    "/admin/django_celery_results/taskresult/",
)


@pytest.mark.parametrize("theme", [pytest.param("light", marks=pytest.mark.long), "dark"])
def test_every_page_keeps_the_policy_and_can_be_read(theme: str, visitor: Visitor, story: Story) -> None:
    """The visitor fails the test for any broken policy and any script error."""
    job = die(story)
    with visitor.page("ada", theme=theme) as page:
        for path in (*PAGES, f"/admin/jobs/job/{job}/change/"):
            page.goto(path)
            assert page.evaluate("document.documentElement.dataset.theme") == theme
            assert page.evaluate("window.violations") == []
            if "/auth/" not in path and "/django_celery" not in path:
                assert _unreadable(page) == [], path


def test_the_theme_chosen_in_the_admin_is_the_dashboards_too(visitor: Visitor) -> None:
    with visitor.page("ada", theme="light") as page:
        page.goto("/admin/")
        page.locator(".theme-toggle").first.click()
        chosen = page.evaluate("document.documentElement.dataset.theme")
        assert chosen != "light"
        page.goto("/")
        assert page.evaluate("document.documentElement.dataset.theme") == chosen


def _token(page: Page) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content())
    assert found
    return found[1]


def _unreadable(page: Page) -> list[str]:
    """Text with too little contrast, by axe."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {runOnly: ['color-contrast']})")
    return [f"{node['target']} {node['failureSummary']}" for one in found["violations"] for node in one["nodes"]]
