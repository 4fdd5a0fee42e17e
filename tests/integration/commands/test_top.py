"""`manage.py top`: one look, what its keys choose, and that it prints once where there is no terminal."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rich.console import Console

from jobs.domain.states import State
from jobs.keeper import sampler
from jobs.management import looking, people, screen
from jobs.management.screen import Choice, View
from tests import factories
from tests.integration.commands.conftest import Fail, Run


def drawn(choice: Choice, *, height: int = 40) -> str:
    now = timezone.now()
    view = View(now, looking.look(people.operator(), now=now), screen.running(now=now))
    console = Console(width=160)
    with console.capture() as capture:
        console.print(screen.draw(view, choice, height=height))
    return capture.get()


def test_without_a_terminal_it_prints_once(manage: Run) -> None:
    factories.make_jobs(3, queue="high")
    factories.make_job(State.RUNNING, task="heavy_task", now=timezone.now() - timedelta(seconds=30))
    sampler.sample(timezone.now())
    printed = manage("top")
    assert "heavy_task" in printed
    assert "open dead letters 0" in printed
    assert "s sort" not in printed


def test_it_says_when_nobody_samples(manage: Run) -> None:
    assert "no keeper leads" in manage("top", "--once")


def test_the_keys_choose_the_order() -> None:
    now = timezone.now()
    factories.make_job(State.RUNNING, task="a_task", now=now - timedelta(seconds=5))
    factories.make_job(State.RUNNING, task="b_task", now=now - timedelta(seconds=50))
    choice = Choice()
    shown = drawn(choice)
    assert shown.index("b_task") < shown.index("a_task")
    choice.press("s")
    shown = drawn(choice)
    assert choice.order == "task"
    assert shown.index("a_task") < shown.index("b_task")
    choice.press("r")
    shown = drawn(choice)
    assert shown.index("b_task") < shown.index("a_task")
    assert "task, reversed" in shown


def test_a_pause_is_said_and_a_small_window_hides_the_rest() -> None:
    factories.make_jobs(5, State.RUNNING)
    choice = Choice()
    choice.press("p")
    shown = drawn(choice, height=14)
    assert "paused: what you see does not move" in shown
    assert "and 3 more" in shown
    choice.press(" ")
    assert not choice.is_paused
    choice.press("q")
    assert choice.is_over


def test_rates_are_taken_between_two_samples() -> None:
    now = timezone.now()
    factories.make_letters(2, queue="low")
    looks = []
    for seconds in (0, 2):
        sampler.sample(now + timedelta(seconds=seconds))
        looks.append(looking.look(people.operator(), now=now + timedelta(seconds=seconds)))
        if not seconds:
            factories.make_letters(3, queue="low")
    assert screen.rates(looks[0], looks[1])["low"] == 90
    assert screen.rates(None, looks[1]) == {}


@pytest.mark.parametrize("text", ["0", "often"])
def test_an_interval_that_is_none_is_bad_usage(failing: Fail, text: str) -> None:
    assert "give a number of seconds" in failing("top", "--every", text)[1]
