"""`manage.py stats`: how much waits, runs, succeeded and died, in one look."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from jobs.management import looking, people
from jobs.management.base import TallyCommand
from jobs.management.looking import Look
from jobs.management.output import write_json, write_table


class Command(TallyCommand):
    help = "Show the counts of all queues, of all time and of the last minutes. `top` shows them live."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document")

    def handle(self, *_args: Any, **options: Any) -> None:
        look = looking.look(people.operator(), now=timezone.now())
        if options["json"]:
            write_json(self, look.document)
            return
        queues = look.counted["queues"]
        rows = [
            [q["name"], q["waiting"], f"{q['oldest_seconds']:.1f}", q["running"], _yes(q["paused"])] for q in queues
        ]
        write_table(self, ("queue", "waiting", "oldest s", "running", "paused"), rows, empty="")
        self.stdout.write("")
        for name, value in [*_counted(look.counted), *_sampled(look)]:
            self.stdout.write(f"{name:<24} {value}")


def _counted(counted: dict[str, Any]) -> list[tuple[str, object]]:
    workers = counted["workers_online"]
    return [
        ("workers online", "unknown: Redis can't be asked" if workers is None else workers),
        ("running", counted["active_tasks"]),
        ("succeeded, all time", counted["success_tasks"]),
        ("dead, all time", counted["failed_tasks"]),
    ]


def _sampled(look: Look) -> list[tuple[str, object]]:
    sample = look.sampled
    if not sample:
        return [("keeper", "no sample: no keeper leads, or Redis is away. `manage.py doctor` says which.")]
    rates = sample["rates"]
    per_minute, failing = rates["ended_per_minute"], rates["failure_percent"]
    return [
        ("scheduled, retrying", f"{sample['scheduled']}, {sample['retrying']}"),
        ("open dead letters", sample["dead_letters_open"]),
        ("attempts a minute", "–" if per_minute is None else f"{per_minute:.0f}"),
        ("failing, last 5 minutes", "–" if failing is None else f"{failing:.1f} %"),
        ("journal lag", f"{sample['journal_lag_seconds']:.2f} s"),
        ("duplicates suppressed", sample["duplicates_suppressed"]),
    ]


def _yes(is_so: bool) -> str:
    return "yes" if is_so else ""
