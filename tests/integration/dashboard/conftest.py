"""People with each role, logged in as a browser is, and rows of every kind to look at."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import Group as Role
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from dlq.models import DeadLetter
from jobs.control import queues, roles
from jobs.domain.actors import Actor
from jobs.domain.states import State
from jobs.keeper import sampler
from jobs.models import Job
from tests import factories

OPERATOR = Actor("olga")


@dataclass(frozen=True, slots=True)
class World:
    """One job in each state, a dead letter, a paused queue, a sample."""

    jobs: dict[State, Job]
    letter: DeadLetter

    @property
    def pages(self) -> list[str]:
        return [
            "/",
            "/?range=24h",
            "/jobs/",
            "/jobs/?q=state:dead,running+-queue:low+age:<7d",
            "/jobs/new/",
            "/jobs/new/?task=send_email",
            "/dead/",
            "/failures/",
            "/failures/?status=all&window=7d",
            "/failures/?group=task",
            "/failures/?group=exception&window=7d",
            "/failures/letters/?queue=high&resolution=open",
            f"/failures/{self.letter.fingerprint}/",
            "/queues/",
            "/queues/high/",
            "/workers/",
            "/workers/worker@test/",
            "/operations/",
            "/schedules/",
            "/audit/",
            "/about/",
            *(f"/jobs/{job.id}/" for job in self.jobs.values()),
            f"/jobs/{self.letter.job_id}/",
        ]


@pytest.fixture
def world() -> World:
    jobs = {state: factories.make_job(state) for state in State}
    [letter] = factories.make_letters(
        1, task="send_email", queue="high", payload={"to": "a@b.c", "password": "hunter2"}
    )
    queues.pause("low", actor=OPERATOR, reason="deploy <b>now</b>")
    sampler.sample(timezone.now())
    return World(jobs, letter)


@pytest.fixture
def browser_as(db: None) -> Callable[[str], Client]:
    """A client with the session of somebody in this role; "nobody" has none."""
    roles.set_up()
    known: dict[str, Client] = {"nobody": Client()}

    def find(role: str) -> Client:
        if role not in known:
            user = User.objects.create_user(role)
            user.groups.add(Role.objects.get(name=role.title()))
            known[role] = Client()
            known[role].force_login(user)
        return known[role]

    return find


@pytest.fixture
def viewer(browser_as: Callable[[str], Client]) -> Client:
    return browser_as("viewer")


@pytest.fixture
def operator(browser_as: Callable[[str], Client]) -> Client:
    return browser_as("operator")


@pytest.fixture
def admin(browser_as: Callable[[str], Client]) -> Client:
    return browser_as("admin")
