"""`manage.py top`: the queues, the workers and what runs, live in a terminal."""

import sys
import time
from argparse import ArgumentTypeError
from dataclasses import replace
from typing import Any

from django.core.management.base import CommandParser
from django.db import Error as DatabaseError
from django.db import connections
from django.utils import timezone
from rich.console import Console
from rich.live import Live

from jobs.management import keyboard, looking, people, screen
from jobs.management.base import TallyCommand, first_line
from jobs.management.screen import Choice, View

_RATE_SECONDS = 10.0
_PLAIN_WIDTH, _PLAIN_HEIGHT = 160, 60


class Command(TallyCommand):
    help = (
        "Watch the queues and what runs. Keys: s sorts by the next column, r reverses, p pauses, q quits. Where the "
        "output is no terminal it prints once and ends."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--every", type=_seconds, default=1.0, metavar="SECONDS", help="look so often (default: %(default)g)"
        )
        parser.add_argument("--once", action="store_true", help="print once and end")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["once"] or not (self.stdout.isatty() and sys.stdin.isatty()):
            self._print_once()
            return
        try:
            self._watch(every_seconds=options["every"])
        except KeyboardInterrupt:
            return

    def _print_once(self) -> None:
        is_terminal = self.stdout.isatty()
        console = Console(file=self.stdout, width=None if is_terminal else _PLAIN_WIDTH, force_terminal=is_terminal)  # type: ignore[arg-type]
        console.print(screen.draw(_look(), Choice(), height=_PLAIN_HEIGHT, keys=False))

    def _watch(self, *, every_seconds: float) -> None:
        """A key is answered at once, with what was seen last."""
        choice, history = Choice(), [_look()]
        due = time.monotonic() + every_seconds
        console = Console()
        with keyboard.keys(sys.stdin) as key, Live(console=console, screen=True, auto_refresh=False) as live:
            while not choice.is_over:
                live.update(screen.draw(_with_rates(history), choice, height=console.height), refresh=True)
                choice.press(key(due - time.monotonic()))
                if time.monotonic() >= due:
                    due = time.monotonic() + every_seconds
                    if not choice.is_paused:
                        history = [*_recent(history), _look_again(history[-1])]


def _look() -> View:
    now = timezone.now()
    return View(now, looking.look(people.operator(), now=now), screen.running(now=now))


def _look_again(before: View) -> View:
    """An outage is shown over what was seen last; it may end."""
    try:
        return _look()
    except DatabaseError as error:
        connections.close_all()
        return replace(before, trouble=f"SQL can't be asked: {first_line(error)}")


def _recent(history: list[View]) -> list[View]:
    return [view for view in history if (history[-1].at - view.at).total_seconds() <= _RATE_SECONDS]


def _with_rates(history: list[View]) -> View:
    sampled = next((view.look for view in history if view.look.sampled), None)
    return replace(history[-1], rates=screen.rates(sampled, history[-1].look))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise ArgumentTypeError("give a number of seconds from 0.1 to 3600")
    return seconds
