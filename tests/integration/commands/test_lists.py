"""`manage.py jobs`, `queues`, `workers` and `stats`: what they show to people and to machines."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from jobs.broker import connections, heartbeats
from jobs.broker.heartbeats import Beat
from jobs.domain.states import State
from jobs.keeper import sampler
from jobs.management.commands.jobs import Command
from jobs.models import Action, Job, Queue
from tests import factories
from tests.integration.commands.conftest import Fail, Run, RunJson


def beat(name: str = "w1@box", *, queues: tuple[str, ...] = ("high",)) -> Beat:
    now_ms = connections.redis_ms(connections.patient())
    return Beat(
        incarnation=f"{name}-1",
        counter=3,
        at_ms=now_ms,
        name=name,
        host="box",
        pid=4711,
        queues=queues,
        concurrency=4,
        version="1.0",
        started_ms=now_ms - 90_000,
        rss_bytes=64 * 1_048_576,
        running=(("0192f000-0000-7000-8000-000000000001", 1, "send_email"),),
    )


def live(*beats: Beat) -> None:
    client = connections.patient()
    for one in beats:
        heartbeats.write(client, one)


def ids(found: list[dict[str, str]]) -> list[str]:
    return [job["task_id"] for job in found]


@pytest.mark.parametrize(
    "asked",
    [
        ("--state", "dead"),
        ("--status", "FAILURE"),
        ("--task", "charge"),
        ("--queue", "low"),
        ("--tag", "vip"),
        ("--correlation-id", "order-7"),
        ("--error", "customer 17"),
        ("--worker", "worker@test"),
        ("--created-before", "30m"),
        ("state:dead", "queue:low"),
        ("task:char*",),
        ("--query=-task:noop",),
        ("state:dead,expired", "--task", "charge", "--limit", "1"),
    ],
)
def test_jobs_takes_the_filters_of_the_api_and_the_search_of_the_dashboard(
    manage_json: RunJson, asked: tuple[str, ...]
) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    columns: dict[str, Any] = {"task": "charge", "queue": "low", "tags": ["vip"], "correlation_id": "order-7"}
    meant = factories.make_job(State.DEAD, now=long_ago, error="customer 17", error_type="shop.Refused", **columns)
    factories.make_job()
    assert ids(manage_json("jobs", *asked)) == [str(meant.id)]


def test_jobs_shows_the_newest_first_and_says_that_there_are_more(manage: Run, manage_json: RunJson) -> None:
    jobs = factories.make_jobs(3)
    newest = sorted((str(job.id) for job in jobs), reverse=True)
    assert ids(manage_json("jobs", "--limit", "2")) == newest[:2]
    assert ids(manage_json("jobs", "--oldest-first", "--limit", "1")) == newest[2:]
    printed = manage("jobs", "--limit", "2")
    assert newest[0] in printed
    assert "--limit shows more" in printed
    assert "No such job" in manage("jobs", "--state", "dead")


def test_a_negated_word_is_no_option_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    meant = factories.make_job(queue="low")
    factories.make_job(queue="high")
    Command().run_from_argv(["manage.py", "jobs", "-queue:high", "--json"])
    assert ids(json.loads(capsys.readouterr().out)) == [str(meant.id)]


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (("--state", "lost"), "--state"),
        (("--queue", "nowhere"), "--queue"),
        (("colour:red",), "There is no field"),
        (("--created-after", "yesterday"), "--created-after yesterday"),
        (("state:",), "wants a value"),
    ],
)
def test_a_filter_that_means_nothing_is_bad_usage(failing: Fail, asked: tuple[str, ...], complaint: str) -> None:
    code, message = failing("jobs", *asked)
    assert (code, complaint in message) == (2, True), message


def test_queues_are_shown_with_depth_workers_and_who_paused_them(manage: Run, manage_json: RunJson) -> None:
    factories.make_jobs(3, queue="high")
    factories.make_job(State.RUNNING, queue="low")
    live(beat(queues=("high", "low")))
    shown = {queue["name"]: queue for queue in manage_json("queues")}
    assert (shown["high"]["waiting"], shown["high"]["workers"], shown["default"]["workers"]) == (3, 1, 0)
    assert shown["low"]["running"] == 1
    assert "paused" in manage("queues")


def test_a_queue_is_paused_and_resumed_with_a_reason(manage: Run, manage_json: RunJson, failing: Fail) -> None:
    assert "deploy" in manage("queues", "pause", "high", "--reason", "deploy")
    assert Queue.objects.get().paused_reason == "deploy"
    assert failing("queues", "pause", "high") == (1, "Queue high is paused already.")
    assert manage_json("queues", "resume", "high")["paused"] is False
    assert [a.verb for a in Action.objects.order_by("id")] == ["pause", "resume"]


def test_a_purge_cancels_what_waits_and_records_each(manage_json: RunJson) -> None:
    factories.make_jobs(3, queue="low")
    assert manage_json("queues", "purge", "low", "--reason", "wrong list")["purged"] == 3
    assert Job.objects.filter(cancel_reason="wrong list").count() == 3
    assert Action.objects.filter(verb="purge", reason="wrong list").count() == 3


def test_a_queue_that_is_none_is_bad_usage(failing: Fail) -> None:
    code, message = failing("queues", "pause", "nowhere")
    assert code == 2
    assert "There are: high, default, low" in message


def test_workers_are_shown_with_what_they_run(manage: Run, manage_json: RunJson) -> None:
    assert "No worker lives" in manage("workers")
    live(beat())
    [shown] = manage_json("workers")
    assert (shown["name"], shown["busy"], shown["running"][0]["task_type"]) == ("w1@box", 1, "send_email")
    assert "send_email 0192f000-0000" in manage("workers")


def test_stats_tell_the_seven_numbers_and_what_the_keeper_sampled(manage: Run, manage_json: RunJson) -> None:
    factories.make_jobs(2, queue="high")
    shown = manage_json("stats")
    assert (shown["queued_high"], shown["queued_low"], shown["workers_online"]) == (2, 0, 0)
    assert shown["sampled_at"] is None
    assert "no sample" in manage("stats")
    sampler.sample(timezone.now())
    assert manage_json("stats")["journal_lag_seconds"] == 0
    assert "open dead letters" in manage("stats")


def test_a_document_is_one_json_value(manage: Run) -> None:
    for command in ("jobs", "queues", "workers", "stats"):
        json.loads(manage(command, "--json"))
