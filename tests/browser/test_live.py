"""Numbers that move by themselves, and every state of the connection said out loud."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import Visitor
from tests.support.story import Story

EVERYTHING: dict[str, Any] = {"seq": 1, "ts": "2026-11-20T12:00:00+00:00", "stale": False, "version": "under-test"}
KEEP_SOCKETS = """
window.sockets = [];
window.WebSocket = class extends WebSocket { constructor(...given) { super(...given); window.sockets.push(this); } };
"""
ALL_AT_ONCE = "Math.random = () => 0"  # reconnects without waiting


def frame(**changes: Any) -> str:
    return json.dumps({**EVERYTHING, "active_tasks": 1, **changes})


def state_of(page: Page) -> Any:
    return expect(page.locator("html"))


def answer(page: Page, respond: Callable[[WebSocketRoute], None]) -> None:
    """In place of the server, to every socket that this page opens."""
    page.route_web_socket(re.compile(r"/ws/stats$"), respond)


def greet(page: Page) -> list[WebSocketRoute]:
    """One frame to every socket; the sockets."""
    opened: list[WebSocketRoute] = []

    def respond(socket: WebSocketRoute) -> None:
        opened.append(socket)
        socket.send(frame())

    answer(page, respond)
    return opened


def hide(page: Page, *, hidden: bool) -> None:
    page.evaluate(
        "(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def test_numbers_and_rows_move_without_a_reload(visitor: Visitor, story: Story) -> None:
    with visitor.page() as page:
        page.goto("/jobs/")
        state_of(page).to_have_attribute("data-connection", "live")
        page.evaluate("window.stayed = true")
        story.enqueue_many("noop", [{} for _ in range(3)], delay_seconds=600)
        expect(page.locator("[data-newcomers]")).to_be_visible()
        page.locator("[data-show-newcomers]").click()
        rows = page.locator("tbody tr[data-row]")
        expect(rows.filter(has_text="scheduled")).to_have_count(3)
        assert page.evaluate("window.stayed")
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
        page.add_init_script(ALL_AT_ONCE)
        page.goto("/")
        charts = page.locator("[data-series]")
        state_of(page).to_have_attribute("data-connection", "live")
        expect(charts).to_have_attribute("data-away", "0")
        story.kill("web")
        state_of(page).to_have_attribute("data-connection", "reconnecting")
        expect(page.locator("[data-connection-text]")).to_contain_text(re.compile(r"Reconnecting \(try \d+, "))
        expect(page.locator("#live-banner")).to_contain_text("the numbers are as of")
        expect(page.locator("[data-tile=running] [data-live]")).to_have_css("color", ink(page, "--ink-3"))
        # Time in the charts goes on, the lines don't: the newest point grows old.
        expect(charts).to_have_attribute("data-silent", re.compile(r"^(1\d|[2-9]\d)$"))
        story.start_web()
        state_of(page).to_have_attribute("data-connection", "live", timeout=60_000)
        expect(page.locator("#live-banner")).to_be_hidden()
        expect(charts).to_have_attribute("data-away", "1")
        expect(charts).to_have_attribute("data-silent", re.compile(r"^\d$"))


def ink(page: Page, name: str) -> str:
    code = """(name) => { const probe = document.createElement("i"); probe.style.color = `var(${name})`;
        document.body.append(probe); const found = getComputedStyle(probe).color; probe.remove(); return found; }"""
    return str(page.evaluate(code, name))


def test_a_silent_keeper_is_said_and_its_silence_is_a_gap(visitor: Visitor, story: Story) -> None:
    story.enqueue("noop")
    with visitor.page() as page:
        page.goto("/")
        state_of(page).to_have_attribute("data-connection", "live")
        story.kill("keeper")
        state_of(page).to_have_attribute("data-connection", "delayed")
        expect(page.locator("[data-connection-text]")).to_contain_text(re.compile(r"Delayed \d+ s"))
        expect(page.locator("#live-banner")).to_contain_text("The keeper is silent")
        charts = page.locator("[data-series]")
        expect(charts).to_have_attribute("data-silent", re.compile(r"^(1[3-9]|[2-9]\d)$"))
        story.start_keeper()
        state_of(page).to_have_attribute("data-connection", "live", timeout=60_000)
        expect(charts).to_have_attribute("data-gaps", re.compile(r"^[1-9]"))


def test_live_updates_can_be_paused_and_go_on(visitor: Visitor) -> None:
    with visitor.page() as page:
        page.goto("/")
        state_of(page).to_have_attribute("data-connection", "live")
        page.locator("#live-menu summary").click()
        page.locator("[data-live-toggle]").click()
        expect(page.locator("[data-connection-text]")).to_have_text("Paused")
        page.locator("[data-live-toggle]").click()
        state_of(page).to_have_attribute("data-connection", "live")
        page.keyboard.press("Escape")
        page.keyboard.press("p")
        expect(page.locator("[data-connection-text]")).to_have_text("Paused")


@pytest.mark.long
def test_a_socket_that_falls_silent_is_delayed_and_then_opened_anew(visitor: Visitor) -> None:
    with visitor.page() as page:
        page.clock.install()
        opened = greet(page)
        page.goto("/")
        state_of(page).to_have_attribute("data-connection", "live")
        page.clock.run_for(7_000)
        expect(page.locator("[data-connection-text]")).to_have_text(re.compile(r"Delayed [67] s"))
        expect(page.locator("#live-banner")).to_contain_text("Nothing has come from the server since")
        expect(page).not_to_have_title(re.compile(r"^\(!\)"))
        page.clock.run_for(5_000)
        expect(page).to_have_title(re.compile(r"^\(!\) "))
        page.clock.run_for(10_000)
        state_of(page).to_have_attribute("data-connection", "live")
        expect(page).not_to_have_title(re.compile(r"^\(!\)"))
    assert len(opened) >= 2


@pytest.mark.long
def test_after_three_sockets_that_failed_it_polls_and_it_goes_on_trying(visitor: Visitor) -> None:
    opened: list[WebSocketRoute] = []
    is_blocked = True

    def respond(socket: WebSocketRoute) -> None:
        opened.append(socket)
        socket.close(code=1011) if is_blocked else socket.connect_to_server()

    with visitor.page() as page:
        page.add_init_script(ALL_AT_ONCE)
        answer(page, respond)
        with page.expect_response("**/api/workers/stats"):
            page.goto("/")
        expect(page.locator("[data-connection-text]")).to_have_text("Polling every 5 s")
        assert len(opened) >= 3
        expect(page.locator("#live-banner")).to_be_hidden()
        expect(page.locator("[data-tile=running] [data-live]")).to_have_text("0")
        is_blocked = False
        state_of(page).to_have_attribute("data-connection", "live")


def test_one_page_too_many_polls_instead(visitor: Visitor) -> None:
    with visitor.page() as page:
        answer(page, lambda socket: socket.close(code=4429))
        page.goto("/")
        expect(page.locator("[data-connection-text]")).to_have_text("Polling every 5 s")


def test_who_is_signed_out_is_told_with_a_way_back(visitor: Visitor) -> None:
    with visitor.page() as page:
        page.clock.install()
        answer(page, lambda socket: socket.close(code=4401))
        page.goto("/queues/")
        expect(page.locator("[data-connection-text]")).to_have_text("Signed out")
        link = page.locator("#live-banner").get_by_role("link", name="Log in")
        expect(link).to_have_attribute("href", "/login/?next=%2Fqueues%2F")
        page.clock.run_for(12_000)
        expect(page).to_have_title(re.compile(r"^\(!\) "))
        answer(page, lambda socket: socket.close(code=4403))
        page.goto("/queues/")
        expect(page.locator("[data-connection-text]")).to_have_text("Not allowed")
        expect(page.locator("#live-banner")).to_contain_text("jobs.view_job")


def test_a_page_that_is_older_than_the_server_asks_to_be_reloaded(visitor: Visitor) -> None:
    with visitor.page() as page:
        answer(page, lambda socket: socket.send(frame(version="the next one", active_tasks=7)))
        page.goto("/")
        expect(page.locator("[data-connection-text]")).to_have_text("Server updated – reload")
        expect(page.locator("#live-banner")).to_contain_text("The server runs the next one now")
        expect(page.locator("#live-banner").get_by_role("link", name="Reload")).to_be_visible()
        expect(page.locator("[data-tile=running] [data-live]")).to_have_text("7")


@pytest.mark.long
def test_a_hidden_page_listens_to_nothing(visitor: Visitor) -> None:
    with visitor.page() as page:
        page.add_init_script(KEEP_SOCKETS)
        page.goto("/")
        state_of(page).to_have_attribute("data-connection", "live")
        assert page.evaluate("sockets.length") == 1
        hide(page, hidden=True)
        expect(page.locator("[data-connection-text]")).to_have_text("Waits while hidden")
        page.wait_for_function("sockets[0].readyState >= WebSocket.CLOSING")
        hide(page, hidden=False)
        state_of(page).to_have_attribute("data-connection", "live")
        assert page.evaluate("sockets.length") == 2


@pytest.mark.long
def test_numbers_move_no_more_often_than_was_chosen_and_the_choice_is_kept(visitor: Visitor) -> None:
    with visitor.page() as page:
        opened = greet(page)
        page.goto("/about/")
        page.goto("/")
        tile = page.locator("[data-tile=running] [data-live]")
        expect(tile).to_have_text("1")
        page.locator("#live-menu summary").click()
        with page.expect_response("**/preferences/"):
            page.locator("#interval").select_option("60")
        opened[-1].send(frame(active_tasks=7))
        opened[-1].send(frame(active_tasks=8, stale=True))
        state_of(page).to_have_attribute("data-connection", "delayed")
        expect(tile).to_have_text("1")
        page.reload()
        state_of(page).to_have_attribute("data-interval", "60")
        expect(page.locator("#interval")).to_have_value("60")


@pytest.mark.long
def test_the_feed_stands_still_while_somebody_looks_at_it(visitor: Visitor, story: Story) -> None:
    story.wait_for_end(story.enqueue("noop"))
    with visitor.page() as page:
        page.goto("/")
        feed = page.locator("[data-live-region=activity]")
        first = feed.locator(".feed li a").first
        was = first.get_attribute("href")
        first.focus()
        expect(feed).to_have_attribute("data-held", "")
        job = story.enqueue("noop")
        story.wait_for_end(job)
        page.evaluate("document.dispatchEvent(new CustomEvent('tq:changed'))")
        with page.expect_response(lambda response: response.url.endswith("/") and response.ok):
            page.evaluate("document.dispatchEvent(new CustomEvent('tq:changed'))")
        expect(first).to_have_attribute("href", was or "")
        page.locator("#search").focus()
        expect(feed.locator(f"a[href='/jobs/{job}/']").first).to_be_visible()


def test_a_queue_that_somebody_pauses_is_said_on_pages_that_are_open(visitor: Visitor, story: Story) -> None:
    with visitor.page() as page:
        page.goto("/about/")
        state_of(page).to_have_attribute("data-connection", "live")
        code = "from jobs.control import queues\nfrom jobs.domain.actors import Actor\n"
        story.call(f"{code}queues.pause('low', actor=Actor('olga'), reason='move')")
        expect(page.locator(".banner[data-paused=low]")).to_contain_text("paused by olga: “move”")
        story.call(f"{code}queues.resume('low', actor=Actor('olga'))")
        expect(page.locator(".banner[data-paused]")).to_have_count(0)
