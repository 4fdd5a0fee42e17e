"""A Redis that goes away is no error of the caller's: the row stands, the keeper publishes it."""

# Shows guarantee 1 of docs/guarantees.md.

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.broker import publisher
from jobs.domain.states import State
from jobs.intake import submission
from jobs.intake.drafts import Draft
from jobs.models import Job
from taskqueue_project.celery import app
from taskqueue_project.localstack.redis import EmbeddedRedis

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mortal_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path, durable=False, guarded=False)
    monkeypatch.setattr(app.conf, "broker_url", server.start())
    publisher.forget()
    yield server
    server.kill()
    publisher.forget()


def test_a_submission_outlives_the_death_of_a_connected_redis(mortal_redis: EmbeddedRedis) -> None:
    submission.submit(Draft(task="noop"))
    mortal_redis.kill()
    jobs = submission.submit_many([Draft(task="noop"), Draft(task="noop")])
    assert [job.state for job in jobs] == [State.QUEUED, State.QUEUED]
    assert Job.objects.queued().count() == 3


def test_publishing_works_again_once_redis_is_back(mortal_redis: EmbeddedRedis) -> None:
    job = submission.submit(Draft(task="noop"))
    mortal_redis.kill()
    assert publisher.publish([job]) == 0
    assert publisher.breaker().is_open()
    mortal_redis.start()
    publisher.breaker().reset()
    assert publisher.publish([job]) == 1


def test_a_mistake_in_publishing_does_not_reach_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def mistake(_jobs: object) -> int:
        raise AttributeError("what nobody thought of")

    monkeypatch.setattr(publisher, "publish", mistake)
    assert submission.submit(Draft(task="noop")).state == State.QUEUED
