"""`manage.py up` as a person meets it: one command, everything answers, a part's death mends itself, a stop is complete."""

import http.cookiejar
import os
import re
import signal
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from taskqueue_project.localstack import stackfile
from tests.support.up import STOP_SECONDS, Up, crowding, manage, running
from tests.support.waiting import until

PARTS = {"redis", "web", "worker-high", "worker-default", "worker-low", "keeper", "beat"}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("up")) as up:
        yield up


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, urllib.error.URLError):
        return 0


def _is_gone(process: psutil.Process) -> bool:
    try:
        return bool(not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_the_banner_names_what_answers(up: Up) -> None:
    for label in ("Open", "Admin", "Docs", "API"):
        assert _status(up.banner[label]) == 200, label
    assert up.banner["Data"] == str(up.data_dir)
    assert set(up.stack.pids) == PARTS


def test_the_login_of_the_banner_opens_the_admin(up: Up) -> None:
    name, password = up.banner["Login"].split(" / ")
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    login = f"{up.stack.url}/admin/login/?next=/admin/"
    browser.open(login, timeout=10).close()
    token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
    form = urllib.parse.urlencode({"username": name, "password": password, "csrfmiddlewaretoken": token}).encode()
    with browser.open(login, data=form, timeout=10) as response:
        assert response.url == up.banner["Admin"]


def test_a_command_in_a_second_terminal_finds_the_stack_by_its_directory(up: Up) -> None:
    ask = "from taskqueue_project.settings import ENV; print(ENV.web_url, ENV.redis_url, ENV.debug, ENV.embedded)"
    answer = up.manage("shell", "--verbosity", "0", "-c", ask)
    settings = up.stack.environment
    assert answer.stdout.split() == [up.stack.url, settings["REDIS_URL"], "True", "True"], answer.stderr


def test_a_second_stack_on_the_same_data_is_refused_in_one_line(up: Up) -> None:
    answer = up.manage("up", "--port", "0")
    assert answer.returncode == 1
    assert re.fullmatch(rf"A stack already runs on .* at {up.stack.url} \(pid {up.process.pid}\)\. .*\n", answer.stderr)


def test_a_port_in_use_is_named_in_one_line(up: Up, tmp_path: Path) -> None:
    port = up.stack.url.rpartition(":")[2]
    answer = manage("up", "--port", port, "--data", str(tmp_path))
    assert answer.returncode == 1
    assert re.fullmatch(rf"Port {port} is in use: .*make up PORT={int(port) + 1}\n", answer.stderr)


@pytest.mark.parametrize("port", ["70000", "eighty"])
def test_a_port_that_is_none_is_bad_usage(tmp_path: Path, port: str) -> None:
    answer = manage("up", "--data", str(tmp_path), PORT=port)
    assert (answer.returncode, answer.stderr) == (
        2,
        f"{port} is no port: give a number from 1 to 65535, or 0 for any free one.\n",
    )


@pytest.mark.parametrize(
    ("part", "seconds"),
    [("redis", 5), ("web", 5), ("worker-high", 10), ("keeper", 10), pytest.param("beat", 10, marks=pytest.mark.long)],
)
def test_a_killed_part_is_back_in_time_while_the_others_go_on(up: Up, part: str, seconds: float) -> None:
    before = dict(up.stack.pids)
    notes = up.process.output().count(f"{part} is back")
    os.kill(before[part], signal.SIGKILL)
    seconds *= crowding()
    until(lambda: up.process.output().count(f"{part} is back") > notes, seconds=seconds, what=f"{part} to be back")
    after = dict(up.stack.pids)
    assert after.pop(part) != before.pop(part)
    assert after == before
    until(lambda: _status(f"{up.stack.url}/readyz") == 200, seconds=5, what="/readyz to say ok")


@pytest.mark.parametrize(
    "to_group", [pytest.param(False, marks=pytest.mark.long), True], ids=["to the command", "to the group"]
)
def test_a_signal_ends_every_process_in_time(tmp_path: Path, to_group: bool) -> None:
    up = Up(tmp_path, PORT="0")
    try:
        up.await_ready()
        family = up.family()
        assert len(family) > len(PARTS)
        asked_at = time.monotonic()
        os.killpg(up.process.pid, signal.SIGINT) if to_group else up.process.signal(signal.SIGTERM)
        assert up.process.wait(seconds=STOP_SECONDS) == 0
        assert time.monotonic() - asked_at < STOP_SECONDS
        assert all(map(_is_gone, family))
        assert not (up.data_dir / stackfile.NAME).exists()
    finally:
        up.process.kill_group()


def test_production_rules_hold_beside_another_stack_and_a_kill_leaves_nothing(up: Up, tmp_path: Path) -> None:
    with running(tmp_path, DEBUG="0") as strict:
        assert strict.stack.environment["DEBUG"] == "0"
        assert _status(f"{strict.stack.url}/readyz") == 200
        assert strict.manage("check").returncode == 0
        family = strict.family()
        strict.process.kill()
        if sys.platform == "linux":
            until(lambda: all(map(_is_gone, family)), seconds=10, what="everything to follow its supervisor")
        assert stackfile.find_running(strict.data_dir) is None
    assert _status(f"{up.stack.url}/readyz") == 200


def test_without_debug_a_missing_setting_is_one_line(tmp_path: Path) -> None:
    answer = manage("check", DEBUG="0", TALLY_DATA=str(tmp_path), SECRET_KEY="x", ALLOWED_HOSTS="tally.example")
    assert answer.returncode == 2
    assert re.fullmatch(r"DEBUG is off and REDIS_URL is not set: .*\n", answer.stderr)
