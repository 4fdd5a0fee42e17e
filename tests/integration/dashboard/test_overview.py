"""The first screen: what its tiles compare, what its charts show and mark, and what it says needs attention."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from dashboard.queries import concerns, overdue, overview, series, summaries, windows
from dashboard.queries.series import Series
from dashboard.queries.workers import Pool
from jobs import conf
from jobs.broker import connections
from jobs.control import queues
from jobs.domain.actors import CODE, Actor
from jobs.domain.errors import FieldInvalid
from jobs.keeper import history, releases
from jobs.keeper.history import Point, QueuePoint
from jobs.models import Action

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def turn(settings: Any) -> Iterator[Callable[..., None]]:
    def change(**values: Any) -> None:
        settings.TASKQUEUE = {**settings.TASKQUEUE, **values}
        conf.forget()

    yield change
    conf.forget()


def point(at: datetime, *, succeeded: int, dead: int = 0, waiting: int = 0) -> Point:
    counts = {"succeeded": succeeded, "dead": dead}
    queue = QueuePoint(waiting=waiting, oldest_seconds=waiting, started=succeeded)
    return Point(at.timestamp(), counts, {"0.5": succeeded}, {"1": succeeded}, {"high": queue})


def a_moment() -> datetime:
    """Now, in the middle of a step, so that each pulse falls into its own."""
    return datetime.fromtimestamp(timezone.now().timestamp() // 5 * 5 + 2.5, UTC)


def remember(*, seconds: int, until: datetime, step: int = 5) -> None:
    """A pulse every `step`: one job more succeeded each, and one more waits."""
    client = connections.patient()
    for place, ago in enumerate(range(seconds, -1, -step)):
        history.add(client, point(until - timedelta(seconds=ago), succeeded=place, waiting=place))


def test_a_window_is_a_range_up_to_now_or_from_one_moment_to_another() -> None:
    assert windows.read({"range": "6h"}, now=NOW) == windows.Window(60, NOW - timedelta(hours=6), name="6h")
    assert windows.read({"range": "no such"}, now=NOW).name == "15m"
    custom = windows.read({"from": "2026-11-20T09:00", "to": "2026-11-20T10:30"}, now=NOW)
    assert (custom.since.hour, custom.until and custom.until.minute, custom.step) == (9, 30, 60)
    assert custom.query == "from=2026-11-20T09:00&to=2026-11-20T10:30"
    assert windows.read({"from": "2026-11-20T11:50"}, now=NOW).until == NOW


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "soon"}, "to"),
        ({"from": "2026-11-20T11:00", "to": "2026-11-20T10:00"}, "from"),
        ({"from": "2027-01-01T00:00"}, "from"),
    ],
)
def test_a_window_that_makes_no_sense_names_the_field(given: dict[str, str], field: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        windows.read(given, now=NOW)
    assert caught.value.field == field


def test_a_window_that_makes_no_sense_is_answered_in_words(admin: Client) -> None:
    for path in ("/?from=yesterday", "/series/?from=yesterday", "/queues/high/?to=never"):
        response = admin.get(path)
        assert response.status_code == 400, path
        assert "Give a date and a time in UTC" in response.content.decode(), path


def test_a_custom_window_shows_what_was_then_and_no_more() -> None:
    now = a_moment()
    remember(seconds=600, until=now)
    window = windows.Window(5, now - timedelta(seconds=300), now - timedelta(seconds=100))
    shown = series.read(window, now=now)
    assert shown.until == pytest.approx(now.timestamp() - 100)
    assert min(shown.at) >= now.timestamp() - 301
    assert max(shown.at) <= now.timestamp() - 99
    assert not shown.partial


def test_the_bucket_that_is_not_over_yet_is_told_apart() -> None:
    now = datetime.fromtimestamp(timezone.now().timestamp() // 300 * 300 + 130, UTC)
    remember(seconds=900, until=now)
    coarse = series.read(windows.of_range("24h", now=now), now=now)
    assert coarse.partial
    assert coarse.at[-1] == pytest.approx(now.timestamp(), abs=6)
    fine = series.read(windows.of_range("15m", now=now), now=now)
    assert not fine.partial


def test_what_people_did_and_what_was_released_is_marked() -> None:
    now = timezone.now()
    queues.pause("low", actor=Actor("olga"), reason="deploy")
    connections.patient().set(releases.key(), "1.0")
    releases.mark(now)
    window = windows.of_range("15m", now=timezone.now())
    assert [mark["text"] for mark in series.find_marks(window)] == [
        f"release {conf.release()} by keeper",
        "pause low by olga",
    ]
    assert [mark["label"] for mark in series.find_marks(window, queue="high")] == [f"release {conf.release()}"]


def test_a_release_is_marked_once_and_the_first_not_at_all() -> None:
    for _ in range(3):
        releases.mark(timezone.now())
    assert not Action.objects.filter(verb="release").exists()
    connections.patient().set(releases.key(), "1.0")
    for _ in range(3):
        releases.mark(timezone.now())
    action = Action.objects.get(verb="release")
    assert (action.actor, action.before, action.after) == ("keeper", {"release": "1.0"}, {"release": conf.release()})


def test_every_tile_says_how_it_moved(admin: Client) -> None:
    now = a_moment()
    remember(seconds=900, until=now)
    shown = overview.read(actor=CODE, sample=None, window=windows.of_range("24h", now=now), now=now)
    tiles = {tile.key: tile for tile in shown.tiles}
    assert tiles["waiting"].delta == 59
    assert tiles["oldest"].delta == 59
    assert tiles["failing"].delta == 0
    assert len(tiles["waiting"].spark) == 60
    assert 'title="against 5 min ago">+59' in admin.get("/?range=7d").content.decode()


def test_the_thresholds_are_settings(turn: Callable[..., None]) -> None:
    assert [concerns.waiting_level(seconds) for seconds in (59, 60, 600)] == ["", "warn", "alarm"]
    turn(WAIT_WARN_SECONDS=5.0, WAIT_ALARM_SECONDS=50.0, FAILURE_WARN_PERCENT=50.0)
    assert [concerns.waiting_level(seconds) for seconds in (4, 5, 50)] == ["", "warn", "alarm"]
    assert concerns.failing_level(49.0) == ""


def test_a_chart_is_told_in_a_sentence() -> None:
    shown = Series(
        60,
        at=[60.0, 120.0, 180.0],
        succeeded=[10.0, None, 20.0],
        retried=[0.0, None, 1.0],
        dead=[0.0, None, 2.0],
        wait_p95=[0.2, None, 1.5],
        run_p95=[1.0, None, 2.0],
        age=[3.0, None, 4.0],
        waiting={"high": [5.0, None, 1.0], "low": [0.0, None, 0.0]},
    )
    assert summaries.of(shown) == {
        "throughput": "30 succeeded, 1 retried, 2 dead; at most 23 a minute.",
        "latency": "95 % waited at most 1.5 s and ran at most 2.0 s; the oldest waits 4.0 s now.",
        "backlog": "Now high 1, low 0; at most 5 in high.",
    }
    assert set(summaries.of(Series(60)).values()) == {summaries.NOTHING}


def schedule(name: str, *, ran: timedelta | None, **fields: Any) -> PeriodicTask:
    """Every minute; `ran`: how long ago it did."""
    interval, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.MINUTES)
    when = {"interval": interval} if "crontab" not in fields else {}
    task = PeriodicTask.objects.create(name=name, task="noop", **when, **fields)
    PeriodicTask.objects.filter(pk=task.pk).update(last_run_at=timezone.now() - ran if ran else None)
    return task


def test_a_schedule_that_should_have_ticked_a_minute_ago_is_overdue() -> None:
    every_minute = CrontabSchedule.objects.create(minute="*")
    schedule("late", ran=timedelta(minutes=10))
    schedule("late by crontab", ran=timedelta(minutes=20), crontab=every_minute)
    schedule("in time", ran=timedelta(seconds=90))
    schedule("off", ran=timedelta(days=1), enabled=False)
    schedule("later", ran=timedelta(days=1), start_time=timezone.now() + timedelta(days=1))
    schedule("over", ran=timedelta(days=1), expires=timezone.now() - timedelta(days=1))
    schedule("new", ran=None)
    found = overdue.find(now=timezone.now())
    assert [one.name for one in found] == ["late by crontab", "late"]
    assert found[1].seconds == pytest.approx(540, abs=10)


def test_overdue_schedules_need_attention(admin: Client) -> None:
    for number in range(5):
        schedule(f"report {number}", ran=timedelta(minutes=10 + number))
    text = admin.get("/").content.decode()
    assert "The schedule report 4 is overdue by 13 min: is beat running?" in text
    assert "2 more schedules are overdue." in text


def test_a_healthy_installation_says_when_it_looked(admin: Client) -> None:
    shown = concerns.find({"queues": []}, actor=CODE, is_silent=False, pool=Pool([], []), now=timezone.now())
    assert shown == []
    assert "checked <time" in admin.get("/").content.decode()


def test_nothing_on_the_first_screen_waits_for_a_script(admin: Client) -> None:
    remember(seconds=60, until=a_moment())
    text = admin.get("/").content.decode()
    scripts = re.findall(r"<script [^>]*src=[^>]*>", text)
    assert len(scripts) >= 6
    assert [tag for tag in scripts if 'type="module"' not in tag and " defer " not in tag] == []
    assert text.count('class="spark"') == 6
