"""What people come for, done in a browser: submit, watch, cancel, pause, triage."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.support.story import Story, eventually


def test_a_job_submitted_from_the_form_is_watched_until_it_succeeds(visitor: Visitor) -> None:
    with visitor.page() as page:
        page.goto("/jobs/new/?task=process_data")
        page.get_by_label("dataset").fill("orders")
        page.get_by_role("button", name="Submit process_data").click()
        page.wait_for_url(re.compile(r"/jobs/[0-9a-f-]{36}/$"))
        expect(page.locator(".state.large")).to_have_text("succeeded")
        expect(page.locator("#result")).to_contain_text("orders")


def test_the_triage_from_the_alert_to_the_requeued_group(visitor: Visitor, story: Story) -> None:
    jobs = story.enqueue_many("always_fails", [{"message": f"upstream answered 503 for order {n}"} for n in range(2)])
    for job in jobs:
        story.wait_for_state(job, "dead", seconds=90)
    with visitor.page() as page:
        page.goto("/")
        page.locator("[data-live-region=attention] a", has_text="upstream answered").click()
        expect(page.locator("h1")).to_contain_text("upstream answered")
        expect(page.locator("pre").first).to_contain_text("SimulatedFailure")
        page.get_by_role("button", name="Acknowledge").click()
        expect(page.locator(".state.large")).to_have_text("acknowledged")
        page.get_by_label("Canary").fill("1")
        page.locator("form:has(#operate-reason)").get_by_label("Reason").fill("the vendor is back")
        page.get_by_role("button", name=re.compile(r"Requeue \d+")).click()
        page.wait_for_url("**/failures/*/#operations")
        expect(page.locator("#operations .steps")).to_contain_text("did not succeed", timeout=90_000)


def test_a_running_job_is_cancelled(visitor: Visitor, story: Story) -> None:
    marks = story.marks_file()
    job = story.enqueue("hold", marks=str(marks), until_exists=f"{marks}.never")
    story.wait_for_state(job, "running")
    with visitor.page() as page:
        page.goto(f"/jobs/{job}/")
        page.locator("details#cancel summary").click()
        page.locator("#cancel-reason").fill("wrong source")
        page.get_by_role("button", name="Cancel this job").click()
        expect(page.locator(".message")).to_contain_text("Being cancelled")
    story.wait_for_state(job, "cancelled", seconds=60)


def test_a_paused_queue_is_seen_on_every_page_until_it_is_resumed(visitor: Visitor) -> None:
    with visitor.page() as page:
        page.goto("/queues/low/")
        page.locator("summary", has_text="Pause").click()
        page.get_by_label("Reason").first.fill("migration")
        page.get_by_role("button", name="Pause low").click()
        for path in ("/", "/jobs/", "/failures/", "/workers/", "/about/"):
            page.goto(path)
            expect(page.locator("[data-paused=low]")).to_contain_text("paused by ada: “migration”")
        page.goto("/queues/low/")
        page.locator("summary", has_text="Resume").click()
        page.get_by_role("button", name="Resume low").click()
        expect(page.locator("[data-paused]")).to_have_count(0)


def test_a_viewer_looks_and_may_not_act(visitor: Visitor, story: Story) -> None:
    job = story.enqueue("noop", hidden="words")
    with visitor.page("vic") as page:
        page.goto(f"/jobs/{job}/")
        expect(page.locator("#input")).to_contain_text("jobs.view_payload")
        expect(page.get_by_text("words")).to_have_count(0)
        page.goto("/jobs/new/")
        expect(page.locator("h1")).to_have_text("You may not do this")
        expect(page.locator("main")).to_contain_text("jobs.submit_job")


def test_without_scripts_it_still_reads_and_acts(visitor: Visitor, story: Story) -> None:
    job = story.enqueue_many("noop", [{}], delay_seconds=600)[0]
    with visitor.page(scripts=False) as page:
        page.goto("/jobs/?q=state:scheduled")
        page.locator(f"[data-row='{job}'] input").check()
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.get_by_label("Reason").fill("not today")
        page.get_by_role("button", name="Cancel 1 job").click()
        expect(page.locator(".message")).to_contain_text("1 cancelled.")
    story.wait_for_state(job, "cancelled")


def test_a_group_whose_cause_is_mended_is_requeued_canary_first_and_resolves_itself(
    visitor: Visitor, story: Story
) -> None:
    payloads = [{"marks": str(story.marks_file()), "failures": 3} for _ in range(3)]
    jobs = story.enqueue_many("fail_late", payloads)
    assert story.wait_for_ends(jobs, seconds=120) == {"dead": 3}
    code = "from dlq.models import DeadLetter\nanswer = DeadLetter.objects.get(job_id=job).group_id"
    fingerprint = story.call(code, job=jobs[0])
    with visitor.page() as page:
        page.goto("/")
        page.locator(f"[data-live-region=attention] a[href='/failures/{fingerprint}/']").click()
        page.get_by_role("button", name="Acknowledge").click()
        expect(page.locator(".state.large")).to_have_text("acknowledged")
        page.get_by_label("Canary").fill("1")
        page.locator("form:has(#operate-reason)").get_by_label("Reason").fill("the gateway is back")
        page.get_by_role("button", name="Requeue 3").click()
        page.wait_for_url(re.compile("operations"))
        eventually(lambda: story.states(jobs) == {"succeeded": 3}, "the canary, then the others to succeed", seconds=60)
        code = "from dlq.models import Group\nanswer = Group.objects.get(fingerprint=fingerprint).state"
        eventually(lambda: story.call(code, fingerprint=fingerprint) == "resolved", "the group to resolve itself")
        page.goto(f"/failures/{fingerprint}/")
        expect(page.locator(".state.large")).to_have_text("resolved")


def test_a_worker_is_made_quiet_and_woken(visitor: Visitor, story: Story) -> None:
    worker = story.call("from dashboard.queries import workers\nanswer = workers.read().live[0].beat.name")
    with visitor.page() as page:
        page.goto(f"/workers/{worker}/")
        page.locator("summary", has_text="Quiet").click()
        page.get_by_label("Reason").first.fill("a new disk")
        page.get_by_role("button", name="Make it quiet").click()
        expect(page.locator(".message")).to_contain_text(f"Told {worker} to be quiet")
        quiet = "from dashboard.queries import workers\nanswer = workers.read().live[0].state"
        eventually(lambda: story.call(quiet) == "quiet", "the worker to say that it is quiet")
        waiting = story.enqueue("noop")
        page.reload()
        expect(page.locator(".state.large")).to_have_text("quiet")
        assert story.state_of(waiting) == "queued"
        page.get_by_role("button", name="Wake up").click()
        story.wait_for_state(waiting, "succeeded")


def test_ticked_jobs_are_asked_about_over_the_list_and_then_cancelled(visitor: Visitor, story: Story) -> None:
    jobs = story.enqueue_many("noop", [{}, {}, {}], delay_seconds=600)
    with visitor.page() as page:
        page.goto("/jobs/?q=state:scheduled")
        page.locator(f"[data-row='{jobs[0]}'] input").check()
        page.locator(f"[data-row='{jobs[2]}'] input").click(modifiers=["Shift"])
        expect(page.locator("[data-ticked]")).to_have_text("3 ticked. Updates held.")
        page.get_by_role("button", name="Cancel", exact=True).click()
        expect(page.locator("dialog#confirm")).to_contain_text("Cancel 3 jobs?")
        expect(page.locator(":focus")).to_have_attribute("name", "reason")
        page.keyboard.press("Escape")
        expect(page.locator("dialog#confirm")).to_be_hidden()
        page.get_by_role("button", name="Cancel", exact=True).click()
        expect(page.locator(":focus")).to_have_attribute("name", "reason")
        page.keyboard.type("by mistake")
        page.keyboard.press("Enter")
        expect(page.locator(".message")).to_contain_text("3 cancelled.")
    for job in jobs:
        story.wait_for_state(job, "cancelled")
