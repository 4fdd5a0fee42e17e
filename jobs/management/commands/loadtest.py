"""`manage.py loadtest`: thousands of jobs through every queue, and the count of those that were lost on the way."""

import time
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jobs.broker import connections
from jobs.management import people
from jobs.management.base import TallyCommand
from jobs.management.output import Found
from jobs.verification import load
from jobs.verification.load import Load, Wave

RULE = "=" * 54


class Command(TallyCommand):
    help = "Submit jobs to every queue, wait until all have run, and report the rates and what was lost (exit code 1 if any)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--jobs", type=_count, default=10_000, help="how many in all (default: %(default)s)")
        parser.add_argument(
            "--timeout",
            type=float,
            default=1800.0,
            metavar="SECONDS",
            help="how long they may take (default: %(default)g)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        waves = load.plan(options["jobs"])
        self._refuse_without_workers(waves)
        self._write_title(f"LOAD TEST — {options['jobs']:,} jobs")
        run = Load(actor=people.operator())
        began = time.monotonic()
        submitting = sum(self._submit(run, wave) for wave in waves)
        self.stdout.write(RULE)
        self.stdout.write(f"{options['jobs']:,} jobs submitted in {submitting:.2f}s")
        self.stdout.write(f"Avg submission rate: {options['jobs'] / submitting:.0f} jobs/sec")
        self._drain(run, jobs=options["jobs"], began=began, seconds=options["timeout"])
        fate = run.fate(submitted=options["jobs"])
        self.stdout.write(RULE)
        self.stdout.write(str(fate))
        if not fate.is_good:
            raise Found(f"Name them: manage.py verify, and manage.py jobs --correlation-id {run.id}")

    def _refuse_without_workers(self, waves: list[Wave]) -> None:
        try:
            unserved = load.unserved(waves)
        except connections.Unavailable as error:
            raise Found(f"Redis can't be reached ({error}). Is the stack up? `make up` starts it.") from None
        if unserved:
            raise Found(f"No worker serves {', '.join(unserved)}. Is the stack up? `make up` starts it.")

    def _submit(self, run: Load, wave: Wave) -> float:
        self.stdout.write(f"Submitting {wave.jobs} {wave.kind} jobs to [{wave.queue}] queue...")
        with self._progress() as progress:
            bar = progress.add_task("submitted", total=wave.jobs)
            seconds = run.submit(wave, tell=lambda size: progress.advance(bar, size))
        self.stdout.write(f"Done in {seconds:.2f}s ({wave.jobs / seconds:.0f} jobs/sec submitted)")
        return seconds

    def _drain(self, run: Load, *, jobs: int, began: float, seconds: float) -> None:
        """The rate counts from the first submission: workers start with it."""
        ended, said = 0, 0.0
        with self._progress() as progress:
            bar = progress.add_task("ended", total=jobs)
            for ended in run.drain(seconds=seconds):
                progress.update(bar, completed=ended)
                if progress.disable and time.monotonic() - said >= 5:
                    said = time.monotonic()
                    self.stdout.write(f"{ended:,} of {jobs:,} have ended")
        took = time.monotonic() - began
        self.stdout.write(f"{ended:,} jobs ended {took:.2f}s after the first was submitted")
        self.stdout.write(f"Drain rate: {ended / took:.0f} jobs/sec")

    def _progress(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console = Console(file=self.stdout, force_terminal=self.stdout.isatty())  # type: ignore[arg-type]
        return Progress(*columns, console=console, transient=True, disable=not self.stdout.isatty())

    def _write_title(self, title: str) -> None:
        self.stdout.write(f"{RULE}\n{title}\n{RULE}")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 5:
        raise ArgumentTypeError("give a number of jobs, at least 5")
    return int(text)
