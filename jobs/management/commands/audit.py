"""`manage.py audit export`: what was done by whom, as lines of JSON."""

import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.dateparse import parse_date, parse_datetime

from jobs.control import trail
from jobs.control.trail import Wanted
from jobs.management.output import BadUsage, Found


class Command(BaseCommand):
    help = "Export the audit trail: one JSON object per line, oldest first."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="what", required=True)
        export = verbs.add_parser("export", help="write the actions as JSON lines")
        export.add_argument(
            "--since", metavar="TIME", help="from then on: a date or an ISO 8601 time, UTC unless it says"
        )
        export.add_argument("--until", metavar="TIME", help="until before then")
        export.add_argument("--actor", default="", help="only what this one did, as in olga, keeper, command:root")
        export.add_argument("--verb", default="", help="only this verb, as in requeue")
        export.add_argument("--object", default="", help="only what was done to it, as in job:0192… or queue:high")
        export.add_argument("--output", metavar="FILE", help="a new file; without it: standard output")

    def handle(self, *_args: Any, **options: Any) -> None:
        wanted = Wanted(
            since=_moment("--since", options["since"]),
            until=_moment("--until", options["until"]),
            actor=options["actor"],
            verb=options["verb"],
            object=options["object"],
        )
        try:
            self._write(wanted, options["output"])
        except BrokenPipeError:  # whoever read it has seen enough
            sys.stderr.close()
        except OSError as error:
            raise Found(f"{options['output']}: {error.strerror}.") from None

    def _write(self, wanted: Wanted, output: str | None) -> None:
        with ExitStack() as stack:
            out: Any = stack.enter_context(Path(output).open("x", encoding="utf-8")) if output else self.stdout
            count = 0
            for line in trail.lines(wanted):
                out.write(f"{line}\n")
                count += 1
        if output:
            self.stdout.write(f"{count} actions written to {output}.")


def _moment(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        day = parse_date(text)
        found = datetime(day.year, day.month, day.day) if day else parse_datetime(text)  # noqa: DTZ001  (its zone follows)
    except ValueError:
        found = None
    if found is None:
        raise BadUsage(f"{name} {text}: give a date or a time, as in 2026-11-20 or 2026-11-20T14:00Z.")
    return found if found.tzinfo else found.replace(tzinfo=UTC)
