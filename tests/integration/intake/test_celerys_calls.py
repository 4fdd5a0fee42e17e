"""Celery's own ways to call a task: each ends as a row, with Celery's options where they belong."""

from datetime import timedelta
from uuid import uuid4

import pytest
from celery import current_app, group
from celery.result import AsyncResult
from django.utils import timezone

from jobs.domain.states import State
from jobs.intake.calls import OptionRefused
from jobs.intake.registry import UnknownQueue, UnknownTask
from jobs.intake.schema import PayloadInvalid
from jobs.models import Job
from tests.support import called_tasks, messages
from tests.support.called_tasks import plain

committing = pytest.mark.django_db(transaction=True)


@committing
def test_delay_of_another_apps_task_is_a_job() -> None:
    result = plain.delay(1, y=2)
    job = Job.objects.get()
    assert isinstance(result, AsyncResult)
    assert (str(job.id), job.task, job.payload) == (result.id, plain.name, {"x": 1, "y": 2})
    assert messages.ids() == [result.id]
    assert result.status == "PENDING"


def test_a_wrong_call_is_refused_at_once() -> None:
    with pytest.raises(PayloadInvalid, match="y"):
        plain.delay(1, y="two")
    with pytest.raises(PayloadInvalid, match="positional"):
        plain.delay(1, 2, 3)


@committing
def test_a_countdown_keeps_the_message_back() -> None:
    before = timezone.now()
    plain.apply_async((1,), countdown=30)
    job = Job.objects.get()
    assert job.state == State.SCHEDULED
    assert job.run_at is not None
    assert timedelta(seconds=29) < job.run_at - before < timedelta(seconds=32)
    assert messages.raw() == []


@committing
def test_neither_eta_nor_expires_travel_as_celerys() -> None:
    expires = timezone.now() + timedelta(minutes=5)
    plain.apply_async((1,), expires=expires)
    assert Job.objects.get().expires_at == expires
    [header] = messages.headers()
    assert (header["eta"], header["expires"]) == (None, None)


def test_eta_becomes_the_due_time() -> None:
    eta = timezone.now() + timedelta(hours=1)
    plain.apply_async((1,), eta=eta)
    assert Job.objects.get().run_at == eta


@committing
def test_a_queue_and_a_task_id_are_honoured() -> None:
    task_id = str(uuid4())
    plain.apply_async((1,), queue="high", task_id=task_id)
    assert messages.ids("high") == [task_id]
    assert str(Job.objects.get().id) == task_id


def test_an_unknown_queue_a_priority_and_an_unknown_option_are_refused() -> None:
    with pytest.raises(UnknownQueue, match="celery"):
        plain.apply_async((1,), queue="celery")
    with pytest.raises(OptionRefused, match="priority"):
        plain.apply_async((1,), priority=3)
    with pytest.raises(OptionRefused, match="colour"):
        plain.apply_async((1,), colour="red")
    assert not Job.objects.exists()


def test_links_are_kept_on_the_row() -> None:
    plain.apply_async((1,), link=plain.s(), link_error=plain.si(9))
    follows = Job.objects.get().follows
    assert follows is not None
    assert (follows["link"][0]["task"], follows["link_error"][0]["args"]) == (plain.name, [9])


@committing
def test_send_task_by_name_is_a_submission() -> None:
    result = current_app.send_task(plain.name, args=[1], kwargs={"y": 5}, queue="low")
    job = Job.objects.get()
    assert (str(job.id), job.payload, job.queue) == (result.id, {"x": 1, "y": 5}, "low")


def test_send_task_of_an_unknown_task_says_so() -> None:
    with pytest.raises(UnknownTask, match="nobody"):
        current_app.send_task("nobody.knows")


def test_the_limits_of_the_task_are_options_of_the_job() -> None:
    called_tasks.never_given_up.delay(1)
    job = Job.objects.get()
    assert job.max_retries is None


@committing
def test_a_group_is_so_many_jobs_that_know_each_other() -> None:
    result = group(plain.s(number) for number in range(3)).apply_async()
    jobs = list(Job.objects.order_by("group_index"))
    assert [job.group_index for job in jobs] == [0, 1, 2]
    assert {job.group_id for job in jobs} == {result.id}
    assert sorted(messages.ids()) == sorted(str(job.id) for job in jobs)


def test_a_signature_may_be_called_later_and_partially() -> None:
    plain.s(1).clone(kwargs={"y": 3}).apply_async()
    assert Job.objects.get().payload == {"x": 1, "y": 3}


@committing
def test_a_sensitive_payload_stays_in_sql() -> None:
    called_tasks.secret.submit(card="4711-0815")
    assert Job.objects.get().payload == {"card": "4711-0815"}
    assert messages.bodies() == [[[], {}, messages.bodies()[0][2]]]
    assert b"4711" not in b"".join(messages.raw())
    assert messages.headers()[0]["sealed"] is True
