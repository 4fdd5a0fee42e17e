"""Numbers that move by themselves, and every state of the connection said out loud."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.support.story import Story


def test_numbers_and_rows_move_without_a_reload(visitor: Visitor, story: Story) -> None:
    with visitor.page() as page:
        page.goto("/jobs/")
        expect(page.locator("html")).to_have_attribute("data-connection", "live")
        page.evaluate("window.stayed = true")
        story.enqueue_many("noop", [{} for _ in range(3)], delay_seconds=600)
        expect(page.locator("[data-newcomers]")).to_be_visible()
        page.locator("[data-show-newcomers]").click()
        rows = page.locator("tbody tr[data-row]")
        expect(rows.filter(has_text="scheduled")).to_have_count(3)
        page.goto("/")
        tile = page.locator("[data-tile=running] [data-live]")
        expect(tile).to_have_text("0")
        page.evaluate("window.stayed = true")
        marks = story.marks_file()
        story.enqueue("hold", marks=str(marks), until_exists=f"{marks}.go")
        expect(tile).to_have_text("1")
        Path(f"{marks}.go").touch()
        expect(tile).to_have_text("0")
        assert page.evaluate("window.stayed")


def test_a_killed_web_process_is_said_and_the_return_too_with_a_gap_in_the_chart(
    visitor: Visitor, story: Story
) -> None:
    story.enqueue("noop")
    with visitor.page() as page:
        page.goto("/")
        html = page.locator("html")
        expect(html).to_have_attribute("data-connection", "live")
        story.kill("web")
        expect(html).to_have_attribute("data-connection", "reconnecting")
        expect(page.locator("[data-connection-text]")).to_contain_text("Reconnecting (try")
        expect(page.locator("#live-banner")).to_be_visible()
        story.start_web()
        expect(html).to_have_attribute("data-connection", "live", timeout=60_000)
        expect(page.locator("#live-banner")).to_be_hidden()


def test_a_silent_keeper_is_said_and_its_silence_is_a_gap(visitor: Visitor, story: Story) -> None:
    story.enqueue("noop")
    with visitor.page() as page:
        page.goto("/")
        html = page.locator("html")
        expect(html).to_have_attribute("data-connection", "live")
        story.kill("keeper")
        expect(html).to_have_attribute("data-connection", "delayed")
        expect(page.locator("#live-banner")).to_contain_text("The keeper is silent")
        story.start_keeper()
        expect(html).to_have_attribute("data-connection", "live", timeout=60_000)


def test_live_updates_can_be_paused_and_go_on(visitor: Visitor) -> None:
    with visitor.page() as page:
        page.goto("/")
        expect(page.locator("html")).to_have_attribute("data-connection", "live")
        page.locator("#live-menu summary").click()
        page.locator("[data-live-toggle]").click()
        expect(page.locator("[data-connection-text]")).to_have_text("Paused")
        page.locator("[data-live-toggle]").click()
        expect(page.locator("html")).to_have_attribute("data-connection", "live")
