"""Announcing groups: off by default, once per cool-down, by a webhook that is a real server, by mail, tried again."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from dlq import triage
from dlq.models import Group
from dlq.notifying import Notifier
from jobs.domain.actors import CODE
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


class Receiver(HTTPServer):
    """A webhook's other end."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.got: list[dict[str, Any]] = []
        self.status = 204


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver = self.server
        assert isinstance(receiver, Receiver)
        receiver.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(receiver.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        return


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(timeout=10)


@pytest.fixture
def tell(settings: Any) -> Callable[..., None]:
    def use(**given: Any) -> None:
        settings.TASKQUEUE = {**settings.TASKQUEUE, **given}

    return use


def run(notifier: Notifier, now: Any = None) -> int:
    sent = notifier.run_once(now or timezone.now())
    notifier.wait(seconds=10)
    return sent


def test_nobody_is_told_by_default() -> None:
    factories.make_letters()
    assert Group.objects.get().announce_at is None
    assert run(Notifier()) == 0


def test_a_new_group_is_posted_once(receiver: Receiver, tell: Callable[..., None]) -> None:
    tell(ALERT_WEBHOOK_URL=f"http://127.0.0.1:{receiver.server_port}/hook")
    factories.make_letters(3)
    notifier = Notifier()
    assert [run(notifier), run(notifier), run(notifier)] == [1, 0, 0]
    [told] = receiver.got
    assert (told["event"], told["state"], told["before"], told["open"]) == ("group_changed", "new", "", 3)
    assert told["fingerprint"] == Group.objects.get().fingerprint


def test_changes_within_the_cool_down_are_told_of_after_it_with_the_last_state(
    receiver: Receiver, tell: Callable[..., None]
) -> None:
    tell(ALERT_WEBHOOK_URL=f"http://127.0.0.1:{receiver.server_port}/", ALERT_COOLDOWN_SECONDS=60.0)
    factories.make_letters()
    notifier = Notifier()
    run(notifier)
    run(notifier)
    print_ = Group.objects.get().fingerprint
    triage.acknowledge(print_, actor=CODE)
    triage.resolve(print_, actor=CODE)
    assert run(notifier) == 0
    after = timezone.now() + timedelta(seconds=61)
    assert run(notifier, after) == 1
    assert [(told["before"], told["state"]) for told in receiver.got] == [("", "new"), ("new", "resolved")]


def test_a_change_that_is_taken_back_within_the_cool_down_is_not_told(
    receiver: Receiver, tell: Callable[..., None]
) -> None:
    tell(ALERT_WEBHOOK_URL=f"http://127.0.0.1:{receiver.server_port}/", ALERT_COOLDOWN_SECONDS=60.0)
    factories.make_letters()
    notifier = Notifier()
    run(notifier)
    run(notifier)
    print_ = Group.objects.get().fingerprint
    triage.acknowledge(print_, actor=CODE)
    triage.reopen(print_, actor=CODE)
    assert run(notifier, timezone.now() + timedelta(seconds=61)) == 0
    assert (len(receiver.got), Group.objects.get().announce_at) == (1, None)


@pytest.mark.parametrize("status", [500, 302])
def test_what_did_not_arrive_is_tried_again_later_and_not_for_ever(
    receiver: Receiver, tell: Callable[..., None], status: int
) -> None:
    tell(ALERT_WEBHOOK_URL=f"http://127.0.0.1:{receiver.server_port}/")
    receiver.status = status
    factories.make_letters()
    notifier, now = Notifier(), timezone.now()
    assert run(notifier, now) == 1
    assert run(notifier, now + timedelta(seconds=1)) == 0
    for minutes in range(1, 30):
        run(notifier, now + timedelta(minutes=10 * minutes))
    assert len(receiver.got) == 6
    assert Group.objects.get().announce_at is None


def test_mail_goes_out_even_when_the_webhook_is_away(tell: Callable[..., None]) -> None:
    tell(ALERT_WEBHOOK_URL="http://127.0.0.1:9/", ALERT_EMAILS=("oncall@example.com",))
    factories.make_letters()
    notifier = Notifier()
    run(notifier)
    run(notifier)
    [message] = mail.outbox
    assert message.to == ["oncall@example.com"]
    assert message.subject == f"[tally] new: {Group.objects.get().title}"
    assert Group.objects.get().announced_state == "new"


def test_an_address_that_is_no_web_address_is_said_to_be_wrong(
    tell: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    tell(ALERT_WEBHOOK_URL="file:///etc/passwd")
    factories.make_letters()
    run(Notifier())
    assert "must be an http or https address" in caplog.text
