"""Takes the pictures in this folder from the real product, at work on the jobs of `manage.py demo`.

python docs/images/take.py                    a private stack, some minutes of work, the pictures, and it is gone
python docs/images/take.py --url URL          of a stack that runs already [--login NAME PASSWORD]
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# Name → path, theme, width, height. A path that ends in a selector after a blank follows that link first.
PICTURES = {
    "overview": ("/", "light", 1440, 1000),
    "overview-dark": ("/", "dark", 1440, 1000),
    "overview-phone": ("/", "light", 390, 844),
    "jobs": ("/jobs/", "light", 1440, 900),
    "job": ("/jobs/?q=state:dead [data-open]", "light", 1440, 900),
    "failures": ("/failures/?status=all&window=7d", "light", 1440, 600),
    "group": ("/failures/?status=all&window=7d [data-open]", "dark", 1440, 900),
    "queues": ("/queues/", "dark", 1440, 500),
    "workers": ("/workers/", "light", 1440, 500),
    "submit": ("/jobs/new/?task=send_email", "light", 1440, 760),
}
START_SECONDS = 180


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the stack is not to outlive it
    options = _options()
    if options.url:
        _take(options.url, options.login)
        return
    with _stack() as (url, environment):
        demo = _manage(environment, "demo", "--seconds", str(options.seconds + 300))
        _live_a_little(url, seconds=options.seconds)
        _take(url, None)
        demo.send_signal(signal.SIGINT)
        demo.wait(timeout=60)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url")
    parser.add_argument("--login", nargs=2, metavar=("NAME", "PASSWORD"))
    parser.add_argument("--seconds", type=int, default=420, help="how long the demo works before the pictures")
    return parser.parse_args()


@contextmanager
def _stack() -> Iterator[tuple[str, dict[str, str]]]:
    with tempfile.TemporaryDirectory(prefix="tally-pictures-") as directory, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        environment = {**os.environ, "TALLY_DATA": directory, "PORT": str(port), "TALLY_RELEASE": "0.1.0"}
        up = _manage(environment, "up")
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_ready(url)
            yield url, environment
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(timeout=60)


def _manage(environment: dict[str, str], *command: str) -> "subprocess.Popen[bytes]":
    quiet = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, stdout=quiet)


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=2).close()  # noqa: S310  (our own server)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise SystemExit(f"The stack was not ready within {START_SECONDS} s.")


def _live_a_little(url: str, *, seconds: int) -> None:
    """A queue is paused for a while, as it happens: the charts show what that did."""
    time.sleep(seconds * 0.6)
    _post(url, "/api/queues/low/pause", reason="moving the reports bucket")
    time.sleep(seconds * 0.15)
    _post(url, "/api/queues/low/resume", reason="moved")
    time.sleep(seconds * 0.25)


def _post(url: str, path: str, **body: str) -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}{path}", json.dumps(body).encode(), headers)  # noqa: S310  (the same)
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310  (the same)


def _take(url: str, login: list[str] | None) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for name, (path, theme, width, height) in PICTURES.items():
            context = browser.new_context(
                viewport={"width": width, "height": height},
                base_url=url,
                device_scale_factor=2 if width < 600 else 1,
            )
            context.add_cookies([{"name": "tally_theme", "value": theme, "url": url}])
            page = context.new_page()
            if login:
                _log_in(page, *login)
            _open(page, path)
            page.screenshot(path=HERE / f"{name}.png")
            context.close()
        browser.close()


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
