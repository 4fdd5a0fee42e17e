"""Takes the pictures in this folder from a running stack: `manage.py up`, some minutes of `manage.py demo`, then this.

python docs/images/take.py http://127.0.0.1:8000 [--login NAME PASSWORD]
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# Name → path, theme, width, height. A path that ends in a selector after a blank follows that link first.
PICTURES = {
    "overview": ("/", "light", 1440, 900),
    "overview-dark": ("/", "dark", 1440, 900),
    "overview-phone": ("/", "light", 390, 844),
    "jobs": ("/jobs/", "light", 1440, 900),
    "job": ("/jobs/?q=state:dead [data-open]", "light", 1440, 900),
    "failures": ("/failures/?status=all&window=7d", "light", 1440, 600),
    "group": ("/failures/?status=all&window=7d [data-open]", "dark", 1440, 900),
    "queues": ("/queues/", "dark", 1440, 500),
    "submit": ("/jobs/new/?task=send_email", "light", 1440, 760),
}


def main() -> None:
    options = _options()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for name, (path, theme, width, height) in PICTURES.items():
            context = browser.new_context(
                viewport={"width": width, "height": height},
                base_url=options.url,
                device_scale_factor=2 if width < 600 else 1,
            )
            context.add_cookies([{"name": "tally_theme", "value": theme, "url": options.url}])
            page = context.new_page()
            if options.login:
                _log_in(page, *options.login)
            _open(page, path)
            page.screenshot(path=HERE / f"{name}.png")
            context.close()
        browser.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--login", nargs=2, metavar=("NAME", "PASSWORD"))
    return parser.parse_args()


def _log_in(page: Page, name: str, password: str) -> None:
    page.goto("/login/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")


def _open(page: Page, path: str) -> None:
    address, _, link = path.partition(" ")
    page.goto(address)
    if link:
        page.locator(link).first.click()
    page.wait_for_selector("html[data-connection=live]")
    page.wait_for_timeout(1_500)  # the charts have drawn


if __name__ == "__main__":
    main()
