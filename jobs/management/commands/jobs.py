"""`manage.py jobs`: the newest jobs, or those that a filter or a search finds."""

import re
from argparse import ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from jobs.api import search
from jobs.api.tasks import TaskSummary
from jobs.domain.states import State
from jobs.management import listing, moments, people
from jobs.management.base import TallyCommand
from jobs.management.output import write_json, write_table
from jobs.models import Job

_NEGATED = re.compile(r"-[A-Za-z_][\w.]*:")
_COLUMNS = ("job", "created", "task", "queue", "state", "attempt", "age", "error")


class Command(TallyCommand):
    help = (
        "List jobs, newest first. Words are a search, as on the dashboard: state:dead,running task:send_email "
        "-queue:low age:>10m error:timed. Options are the API's filters."
    )

    def run_from_argv(self, argv: list[str]) -> None:
        """On the command line a negated word, as in -queue:low, is no option."""
        words = [f"--query={word}" if _NEGATED.match(word) else word for word in argv[2:]]
        super().run_from_argv([*argv[:2], *words])

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("words", nargs="*", metavar="SEARCH", help=f"fields: {', '.join(search.fields())}")
        parser.add_argument(
            "--query", action="append", default=[], metavar="SEARCH", help="the same, as in --query='-task:noop'"
        )
        parser.add_argument("--state", help=", ".join(State))
        parser.add_argument("--status", help="Celery's name of it, as in PENDING")
        parser.add_argument("--task", dest="task_type", metavar="TASK", help="its whole name")
        parser.add_argument("--queue", dest="priority", metavar="QUEUE", help="as in high")
        parser.add_argument("--tag", help="one of the tags it was submitted with")
        parser.add_argument("--correlation-id", metavar="ID", help="the id it was submitted with")
        parser.add_argument("--worker", help="one that ran an attempt of it, as `workers` names it")
        parser.add_argument("--error", metavar="TEXT", help="the error's type, or part of its text")
        parser.add_argument("--created-after", metavar="TIME", help=moments.HELP)
        parser.add_argument("--created-before", metavar="TIME", help="likewise")
        parser.add_argument("--oldest-first", action="store_true", help="in the order of submission")
        parser.add_argument("--limit", type=_limit, default=50, help="how many (default: %(default)d)")
        parser.add_argument("--json", action="store_true", help="one JSON document, each job as the API shows it")

    def handle(self, *_args: Any, **options: Any) -> None:
        now = timezone.now()
        given = {name: options[name] for name in listing.FILTERS}
        for name in ("created_after", "created_before"):
            given[name] = moments.ago(f"--{name.replace('_', '-')}", options[name], now=now)
        actor = people.operator()
        found = listing.jobs(
            given,
            words=" ".join([*options["words"], *options["query"]]),
            actor=actor,
            now=now,
            limit=options["limit"],
            oldest_first=options["oldest_first"],
        )
        if options["json"]:
            write_json(self, TaskSummary(found, many=True, context={"actor": actor}).data)
            return
        write_table(self, _COLUMNS, [_row(job, now=now) for job in found], empty="No such job.")
        if len(found) == options["limit"]:
            self.stdout.write(f"The first {len(found)}; --limit shows more.")


def _row(job: Job, *, now: datetime) -> list[object]:
    lines = job.error.strip().splitlines()
    failed = bool(job.error_type) and job.state != State.SUCCEEDED
    error = f"{job.error_type.rsplit('.', 1)[-1]}: {lines[0] if lines else ''}"[:60] if failed else ""
    age = (now - job.created_at).total_seconds()
    return [job.id, f"{job.created_at:%m-%d %H:%M:%S}", job.task, job.queue, job.state, job.attempt, _short(age), error]


def _short(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _limit(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 100_000:
        raise ArgumentTypeError("give a number from 1 to 100000")
    return int(text)
