"""`/metrics`: what the official parsers read, who may ask, and that no job is looked at."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import parser
from prometheus_client.openmetrics import parser as strict_parser
from pytest_django import DjangoDbBlocker

from jobs.broker import connections
from jobs.control import tokens
from jobs.doctor import accounting
from jobs.doctor.accounting import Accountant
from jobs.domain.actors import CODE
from jobs.domain.states import Outcome, State
from jobs.keeper import pruner, sampler
from jobs.keeper.leader import Leader
from jobs.lifecycle import recording
from jobs.models import Job, Rollup
from jobs.models.rollup import ALL_TIME
from tests import factories
from tests.integration.commands.test_lists import beat, live
from tests.support import multitude

LABELS = ("queue", "task", "outcome", "le")
MILLION = 1_000_000
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def scraper() -> dict[str, str]:
    user = User.objects.create_user("prometheus")
    user.user_permissions.add(Permission.objects.get(codename="view_job"))
    return {"Authorization": f"Token {tokens.issue(user, actor=CODE).secret}"}


def scrape(headers: dict[str, str], **more: str) -> Any:
    return Client().get("/metrics", headers={**headers, **more})


def values(response: Any) -> dict[tuple[str, ...], float]:
    """Samples by name and the values of their labels, queue and task first."""
    assert response.status_code == 200, response.content
    families = parser.text_string_to_metric_families(response.content.decode())
    samples = [sample for family in families for sample in family.samples]
    return {(s.name, *(s.labels[name] for name in LABELS if name in s.labels)): s.value for s in samples}


def test_it_tells_what_the_queues_hold_and_who_lives(scraper: dict[str, str]) -> None:
    factories.make_jobs(3, queue="high")
    factories.make_letters(2, task="noop")
    Leader().hold(connections.patient())
    live(beat(queues=("high", "low")))
    sampler.sample(timezone.now())
    found = values(scrape(scraper))
    assert found["tally_jobs_waiting", "high"] == 3
    assert found["tally_dead_letters_open",] == 2
    assert (found["tally_workers",], found["tally_worker_processes",], found["tally_worker_processes_busy",]) == (
        1,
        4,
        1,
    )
    assert (found["tally_queue_workers", "low"], found["tally_queue_workers", "default"]) == (1, 0)
    assert (found["tally_keeper_leader",], found["tally_redis_up",], found["tally_journal_lag_seconds",]) == (1, 1, 0)
    assert found["tally_duplicates_suppressed_total",] == 0
    assert 0 <= found["tally_sample_age_seconds",] < 10


def test_outcomes_and_times_are_counted_per_queue_and_task(scraper: dict[str, str]) -> None:
    jobs = factories.make_jobs(2, task="noop")
    for job, outcome in zip(jobs, (Outcome.SUCCEEDED, Outcome.LOST), strict=True):
        recording.record([factories.started(job), factories.ended(job, outcome=outcome)])
    found = values(scrape(scraper))
    of_task = ("default", "noop")
    assert found["tally_attempts_started_total", *of_task] == 2
    assert found["tally_jobs_ended_total", *of_task, "succeeded"] == 1
    assert found["tally_attempts_ended_total", *of_task, "lost"] == 1
    assert found["tally_attempts_ended_total", *of_task, "succeeded"] == 1
    assert found["tally_run_seconds_bucket", *of_task, "+Inf"] == sum(Rollup.objects.get(minute=ALL_TIME).runs.values())


def test_what_was_pruned_stays_counted(scraper: dict[str, str]) -> None:
    [job] = factories.make_jobs(1, task="noop")
    recording.record([factories.started(job), factories.ended(job)])
    pruner.prune(timezone.now() + timedelta(days=60))
    found = values(scrape(scraper))
    assert not Job.objects.exists()
    assert found["tally_jobs_ended_total", "default", "noop", "succeeded"] == 1
    assert found["tally_jobs_pruned_total", "default", "noop"] == 1


def test_labels_are_bounded_by_what_the_code_declares(scraper: dict[str, str]) -> None:
    for number in range(50):
        counts = {"succeeded": 1}
        Rollup.objects.create(minute=ALL_TIME, queue=f"queue-{number}", task=f"task-{number}", counts=counts)
    found = values(scrape(scraper))
    assert found["tally_jobs_ended_total", "other", "other", "succeeded"] == 50
    assert not [labels for labels in found if any("task-" in label for label in labels)]


def test_histograms_are_cumulative(scraper: dict[str, str]) -> None:
    waits = {"0.05": 2, "1": 3, "inf": 1}
    Rollup.objects.create(minute=ALL_TIME, queue="high", task="noop", waits=waits)
    found = values(scrape(scraper))
    told = [found["tally_wait_seconds_bucket", "high", "noop", bound] for bound in ("0.05", "0.5", "1", "+Inf")]
    assert told == [2, 2, 5, 6]


def test_without_a_keeper_rows_are_counted(scraper: dict[str, str]) -> None:
    factories.make_jobs(3, queue="high")
    factories.make_letters(1)
    found = values(scrape(scraper))
    assert found["tally_jobs_waiting", "high"] == 3
    assert found["tally_dead_letters_open",] == 1
    assert found["tally_keeper_leader",] == 0
    assert ("tally_sample_age_seconds",) not in found


def test_openmetrics_is_spoken_to_who_accepts_it(scraper: dict[str, str]) -> None:
    factories.make_letters(2, task="noop")
    sampler.sample(timezone.now())
    response = scrape(scraper, Accept=OPENMETRICS)
    assert response["Content-Type"].startswith("application/openmetrics-text")
    families = list(strict_parser.text_string_to_metric_families(response.content.decode()))
    assert "tally_jobs_ended" in [family.name for family in families]


def test_nobody_without_the_permission_is_told_anything(scraper: dict[str, str]) -> None:
    assert scrape({}).status_code == 401
    User.objects.get().user_permissions.clear()
    response = scrape(scraper)
    assert response.status_code == 403
    assert "jobs.view_job" in response.json()["detail"]


def test_a_scrape_looks_at_no_job(scraper: dict[str, str]) -> None:
    factories.make_jobs(3)
    sampler.sample(timezone.now())
    scrape(scraper)
    with CaptureQueriesContext(connection) as captured:
        scrape(scraper)
    statements = [one["sql"] for one in captured.captured_queries]
    assert not [sql for sql in statements if '"jobs_job"' in sql]
    assert len(statements) <= 6


def test_jobs_on_no_way_to_an_end_are_counted_after_two_looks(scraper: dict[str, str]) -> None:
    factories.make_job(State.SCHEDULED, run_at=timezone.now() - timedelta(hours=1))
    accountant = Accountant()
    assert [accountant.run_once(timezone.now()) for _ in range(2)] == [0, 1]
    assert accounting.read_unaccounted(connections.patient()) == 1
    assert values(scrape(scraper))["tally_jobs_unaccounted",] == 1


@pytest.fixture(scope="module")
def million(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        multitude.make_jobs(MILLION)
        yield
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM jobs_job" if connection.vendor == "sqlite" else "TRUNCATE jobs_job CASCADE")


@pytest.mark.scale
@pytest.mark.timeout(600)
def test_a_scrape_with_a_million_jobs_takes_less_than_a_tenth_of_a_second(
    million: None, scraper: dict[str, str]
) -> None:
    sampler.sample(timezone.now())
    scrape(scraper)
    times = []
    for _ in range(5):
        sampler.sample(timezone.now())
        began = time.perf_counter()
        assert scrape(scraper).status_code == 200
        times.append(time.perf_counter() - began)
    print(f"scrape of a million jobs: {sorted(times)[2] * 1000:.1f} ms")  # noqa: T201  (what make test-scale is run for)
    assert sorted(times)[2] < 0.1
