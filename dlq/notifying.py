"""Tells a webhook and mail addresses about groups whose state has changed: nobody unless settings name somebody.

A group is told of at most once per cool-down, then with the state it has. Deliveries wait in a thread of their own, so
that a slow receiver holds up no other duty.
"""

import json
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any

from django.core.mail import send_mail

from dlq import groups
from dlq.models import Group
from jobs import conf

logger = logging.getLogger(__name__)

_MOST_AT_ONCE = 20
_TIMEOUT_SECONDS = 5.0
_FIRST_WAIT_SECONDS = 10.0
_MOST_TRIES = 6
_Undelivered = (urllib.error.URLError, SMTPException, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Announcement:
    """One group's change, as it stood when it was read; `due` tells it from a later one."""

    fingerprint: str
    due: datetime
    tries: int
    document: dict[str, Any]

    @classmethod
    def of(cls, group: Group) -> "Announcement":
        assert group.announce_at is not None  # noqa: S101  (only such groups are read)
        document = {
            "event": "group_changed",
            "fingerprint": group.fingerprint,
            "title": group.title,
            "error_type": group.error_type,
            "task_types": group.tasks,
            "before": group.announced_state,
            "state": group.state,
            "by": group.state_by,
            "reason": group.state_reason,
            "open": group.open,
            "died_again": group.died_again,
            "first_seen": group.first_seen.isoformat(),
            "last_seen": group.last_seen.isoformat(),
        }
        return cls(group.fingerprint, group.announce_at, group.announce_tries, document)


@dataclass(slots=True)
class Notifier:
    """One leader's. What it has delivered is written down in the next call."""

    _courier: threading.Thread | None = field(default=None, init=False)
    _delivered: list[tuple[Announcement, bool]] = field(default_factory=list, init=False)

    def run_once(self, now: datetime) -> int:
        """Write down what was delivered, and send off what is due; returns how many were sent off."""
        if self._courier is not None and self._courier.is_alive():
            return 0
        delivered, self._delivered = self._delivered, []
        for announcement, has_arrived in delivered:
            _write_down(announcement, has_arrived=has_arrived, now=now)
        due = _due(now) if groups.is_announcing() else []
        if due:
            self._courier = threading.Thread(target=self._carry, args=(due,), name="tally-notifier", daemon=True)
            self._courier.start()
        return len(due)

    def wait(self, *, seconds: float) -> None:
        """Until the deliveries under way are over: for tests."""
        if self._courier is not None:
            self._courier.join(timeout=seconds)

    def _carry(self, due: Sequence[Announcement]) -> None:
        for announcement in due:
            self._delivered.append((announcement, deliver(announcement)))


def deliver(announcement: Announcement) -> bool:
    """By every way there is; True when one of them worked."""
    settings = conf.current()
    ways = [(_post, settings.ALERT_WEBHOOK_URL), (_mail, settings.ALERT_EMAILS)]
    arrived = []
    for way, to in ways:
        if not to:
            continue
        try:
            way(to, announcement.document)
        except _Undelivered as error:
            logger.warning("Group %s could not be announced to %s: %s", announcement.fingerprint, to, error)
            arrived.append(False)
        else:
            arrived.append(True)
    return any(arrived)


def _due(now: datetime) -> list[Announcement]:
    some = Group.objects.filter(announce_at__lte=now).order_by("announce_at")[:_MOST_AT_ONCE]
    due = []
    for group in some:
        if group.state == group.announced_state:  # it has changed and changed back within the cool-down
            Group.objects.filter(fingerprint=group.fingerprint, announce_at=group.announce_at).update(announce_at=None)
        else:
            due.append(Announcement.of(group))
    return due


def _write_down(announcement: Announcement, *, has_arrived: bool, now: datetime) -> None:
    """A change that came meanwhile has another `announce_at`; it waits for the cool-down."""
    this = Group.objects.filter(fingerprint=announcement.fingerprint, announce_at=announcement.due)
    tries = announcement.tries + 1
    if has_arrived:
        this.update(announce_at=None, announce_tries=0)
        state = announcement.document["state"]
        Group.objects.filter(fingerprint=announcement.fingerprint).update(announced_at=now, announced_state=state)
    elif tries >= _MOST_TRIES:
        logger.error("Group %s was not announced: nobody could be reached %d times.", announcement.fingerprint, tries)
        this.update(announce_at=None, announce_tries=0)
    else:
        wait = timedelta(seconds=_FIRST_WAIT_SECONDS * 2**announcement.tries)
        this.update(announce_at=now + wait, announce_tries=tries)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as an empty GET."""

    def redirect_request(self, *_args: Any, **_options: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect)


def _post(url: Any, document: dict[str, Any]) -> None:
    if not str(url).startswith(("http://", "https://")):
        raise ValueError("ALERT_WEBHOOK_URL must be an http or https address")
    body = json.dumps(document).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "tally"}
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310  (its scheme was looked at)
    with _opener.open(request, timeout=_TIMEOUT_SECONDS):
        return


def _mail(addresses: Any, document: dict[str, Any]) -> None:
    lines = [f"{name}: {value}" for name, value in document.items() if value not in ("", [])]
    subject = f"[tally] {document['state']}: {document['title']}"
    send_mail(subject, "\n".join(lines), None, list(addresses))
