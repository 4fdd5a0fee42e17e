"""For everybody: axe finds nothing serious, the keyboard is enough, nothing sticks out at any width."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import AXE, Visitor
from tests.support.story import Story

PAGES = (
    "/",
    "/?range=24h&axis=log",
    "/jobs/",
    "/jobs/?q=color:red",
    "/jobs/new/?task=send_email",
    "/dead/",
    "/failures/",
    "/queues/",
    "/queues/high/",
    "/workers/",
    "/operations/",
    "/schedules/",
    "/audit/",
    "/about/",
    "/j/zzz/",
)
ALL_RULES = (
    "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations']}"
)
COLOURS = "{runOnly: {type: 'rule', values: ['color-contrast']}, resultTypes: ['violations']}"


@pytest.fixture(scope="module")
def paths(shared: Story) -> list[str]:
    """The fixed pages, those of a job in trouble, and its group."""
    dead = shared.enqueue("always_fails", message="a sad one")
    shared.wait_for_state(dead, "dead", seconds=90)
    waiting = shared.enqueue_many("noop", [{}], delay_seconds=900)[0]
    worker = shared.call("answer = Attempt.objects.exclude(worker='').first().worker")
    fingerprint = shared.call("from dlq.models import DeadLetter; answer = DeadLetter.objects.first().fingerprint")
    return [*PAGES, f"/jobs/{dead}/", f"/jobs/{waiting}/", f"/failures/{fingerprint}/", f"/workers/{worker}/"]


def offences(page: Page, rules: str) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate(f"axe.run(document, {rules}).then((all) => all.violations)")
    return [
        f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:160]} … {one['nodes'][0]['failureSummary'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(
    ("theme", "rules"),
    [("light", ALL_RULES), pytest.param("dark", COLOURS, marks=pytest.mark.long)],
    ids=["light", "dark"],
)
def test_axe_finds_nothing_serious_on_any_page(visitor: Visitor, paths: list[str], theme: str, rules: str) -> None:
    with visitor.page(theme=theme) as page:
        found = {}
        for path in paths:
            page.goto(path)
            if offending := offences(page, rules):
                found[path] = offending
    assert found == {}


def test_nothing_sticks_out_at_any_width(visitor: Visitor, paths: list[str]) -> None:
    with visitor.page() as page:
        wide = {}
        for path in paths:
            page.goto(path)
            for width in (1920, 1024, 768, 390):
                page.set_viewport_size({"width": width, "height": 900})
                beyond = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
                if beyond > 0:
                    wide[path, width] = beyond
    assert wide == {}


def test_the_keyboard_is_enough(visitor: Visitor, story: Story) -> None:
    job = story.enqueue_many("noop", [{}], delay_seconds=900)[0]
    with visitor.page() as page:
        page.goto("/")
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Skip to the content")
        page.keyboard.press("g")
        page.keyboard.press("j")
        page.wait_for_url("**/jobs/")
        page.keyboard.press("j")
        page.keyboard.press("x")
        expect(page.locator("tr.current input")).to_be_checked()
        expect(page.locator("[data-ticked]")).to_contain_text("1 ticked. Updates held.")
        page.keyboard.press("/")
        page.keyboard.type("id:" + job)
        page.keyboard.press("Enter")
        expect(page.locator("tbody tr[data-row]")).to_have_count(1)
        page.locator("body").press("j")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/jobs/{job}/")
        page.locator("details#cancel summary").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#cancel-reason")).to_be_focused()
        page.keyboard.type("by keyboard")
        page.keyboard.press("Enter")
        expect(page.locator(".message")).to_contain_text("Cancelled")


def test_single_keys_can_be_switched_off_and_help_opens_and_closes(visitor: Visitor) -> None:
    with visitor.page() as page:
        page.goto("/")
        page.keyboard.press("?")
        expect(page.locator("dialog#keys")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("dialog#keys")).to_be_hidden()
        page.locator("html").evaluate("(root) => { root.dataset.keys = 'off'; }")
        page.keyboard.press("?")
        expect(page.locator("dialog#keys")).to_be_hidden()


def test_the_theme_is_there_before_any_script(visitor: Visitor) -> None:
    with visitor.page(theme="dark", scripts=False) as page:
        page.goto("/")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_broken_policy_on_any_page_on_the_way_is_noticed(visitor: Visitor) -> None:
    """The visitor of all these tests would see it: here it is made to."""
    with visitor.page() as page:
        page.goto("/queues/")
        page.evaluate("document.body.append(Object.assign(document.createElement('style'), { textContent: 'b { }' }))")
        page.wait_for_function("window.violations.length")
        page.goto("/about/")
    found = [trouble for trouble in visitor.troubles if trouble.startswith("/queues/: style-src")]
    visitor.troubles.clear()
    assert len(found) == 1
