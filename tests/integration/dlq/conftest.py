"""People with some permissions who speak JSON, and a letter for them to decide about."""

import pytest
from rest_framework.test import APIClient

from dlq.models import DeadLetter
from jobs.domain.journal import Failure
from jobs.shortcuts import task
from tests import factories
from tests.integration.dlq.people import person


@task(name="tests.dlq.invoice", queue="low")
def invoice(customer_id: int, token: str = "") -> None: ...


@pytest.fixture
def viewer() -> APIClient:
    return person("vera", "jobs.view_job")


@pytest.fixture
def operator() -> APIClient:
    may = ("requeue_deadletter", "discard_deadletter", "triage_group")
    return person("olga", "jobs.view_job", "jobs.view_payload", *(f"dlq.{codename}" for codename in may))


@pytest.fixture
def letter() -> DeadLetter:
    failure = Failure("shop.Refused", "customer 17 refused", "Traceback …", frames=("shop:send",))
    payload = {"customer_id": 17, "token": "s3cret"}
    [made] = factories.make_letters(failure=failure, task="tests.dlq.invoice", queue="low", payload=payload)
    return made
