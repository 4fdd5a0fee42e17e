"""Chromium before a real stack: web, keeper and worker; an operator who is logged in; every broken policy is caught."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from tests.conftest import STACKS
from tests.support.story import Story

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
NAMES = ("chromium", "chromium-browser", "google-chrome")
PASSWORD = "a password for tests"
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  const said = `${location.pathname}: ${event.violatedDirective} ${event.blockedURI}`;
  window.violations.push(said);
  window.tellViolation(said);
});
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = next((found for name in NAMES if (found := shutil.which(name))), None)
        try:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        except Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"There is no Chromium here (apt-get install chromium): {error.message.splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, migrated_database: str) -> Iterator[Story]:
    """One stack for the stories of a module."""
    with Story(tmp_path_factory.mktemp("browser"), template=migrated_database) as story:
        story.start_keeper()
        story.start_worker()
        story.start_web()
        story.call(f"""
from django.contrib.auth.models import Group, User
from jobs.control import roles
roles.set_up()
User.objects.create_superuser("ada", password={PASSWORD!r})
User.objects.create_user("vic", password={PASSWORD!r}).groups.add(Group.objects.get(name="Viewer"))
""")
        yield story


@pytest.fixture
def story(request: pytest.FixtureRequest, shared: Story) -> Story:
    request.node.stash[STACKS] = [shared]
    return shared


@dataclass
class Visitor:
    """Somebody with a browser; collects what goes wrong in it."""

    browser: Browser
    story: Story
    troubles: list[str] = field(default_factory=list)

    @contextmanager
    def page(
        self, name: str = "ada", *, width: int = 1280, scripts: bool = True, theme: str = "light"
    ) -> Iterator[Page]:
        context = self.browser.new_context(
            viewport={"width": width, "height": 900}, base_url=self.story.url(""), java_script_enabled=scripts
        )
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([{"name": "tally_theme", "value": theme, "url": self.story.url("")}])
        try:
            page = self._opened(context, scripts=scripts)
            log_in(page, name)
            yield page
        finally:
            context.close()

    def _opened(self, context: BrowserContext, *, scripts: bool) -> Page:
        if scripts:
            context.expose_function("tellViolation", self._note)  # of every page that is visited
            context.add_init_script(WATCH)
        page = context.new_page()
        page.on("pageerror", lambda error: self.troubles.append(f"script error: {error}"))
        page.on("console", lambda said: self._hear(said.type, said.text))
        return page

    def _note(self, trouble: str) -> None:
        self.troubles.append(trouble)

    def _hear(self, kind: str, text: str) -> None:
        if "Content Security Policy" in text or "violates" in text:
            self.troubles.append(f"{kind}: {text}")


@pytest.fixture
def visitor(chromium: Browser, story: Story) -> Iterator[Visitor]:
    visitor = Visitor(chromium, story)
    yield visitor
    assert visitor.troubles == []


def log_in(page: Page, name: str) -> None:
    page.goto("/login/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")


AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
