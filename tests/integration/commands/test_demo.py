"""`manage.py demo`: a mix of the sample jobs that ends when it should."""

import io
import os
import signal
import threading
from random import Random

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count

from jobs.domain.actors import Actor
from jobs.domain.states import Source, State
from jobs.management.sample_mix import Mix
from jobs.models import Job
from tests import factories

ANN = Actor("ann")


def demo(*arguments: str) -> str:
    out = io.StringIO()
    call_command("demo", *arguments, stdout=out)
    return out.getvalue()


def test_it_submits_as_many_jobs_as_it_was_told_and_says_which() -> None:
    printed = demo("--jobs", "60", "--rate", "1000", "--seed", "1")
    assert Job.objects.count() == 60
    assert "60 jobs submitted" in printed.splitlines()[-1]
    [shared] = Job.objects.values("correlation_id", "source").distinct()
    assert shared["source"] == Source.COMMAND
    assert shared["correlation_id"] in printed
    assert set(Job.objects.values_list("queue", flat=True)) == {"high", "default", "low"}


def test_it_ends_when_its_time_is_up() -> None:
    printed = demo("--seconds", "0.3", "--rate", "10")
    assert 1 <= Job.objects.count() <= 4
    assert "for 0.3 s" in printed


def test_an_interrupt_ends_it_politely() -> None:
    before = signal.getsignal(signal.SIGINT)
    interrupt = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    printed = demo("--rate", "5")
    interrupt.join()
    assert "jobs submitted in" in printed.splitlines()[-1]
    assert signal.getsignal(signal.SIGINT) is before


def test_jobs_of_a_queue_with_enough_to_do_are_held_back() -> None:
    factories.make_jobs(10, queue="high")
    mix = Mix(ANN, Random(1), waiting_at_most=10)
    mix.submit(50)
    assert mix.held_back >= {"high"}
    assert Job.objects.filter(correlation_id=mix.id, queue="high").count() == 0
    assert Job.objects.filter(correlation_id=mix.id).exclude(queue="high").exists()
    assert max(Job.objects.queued().values_list("queue").annotate(n=Count("id")).values_list("n", flat=True)) <= 10


def test_the_same_seed_gives_the_same_mix() -> None:
    mixes = [Mix(ANN, Random(7)), Mix(ANN, Random(7))]
    for mix in mixes:
        mix.submit(40)
    assert mixes[0].submitted == mixes[1].submitted
    assert Job.objects.filter(state=State.SCHEDULED).exists()


@pytest.mark.parametrize("arguments", [("--rate", "0"), ("--jobs", "few"), ("--seconds", "-1")])
def test_a_bound_that_is_none_is_bad_usage(arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match="give a number"):
        demo(*arguments)
