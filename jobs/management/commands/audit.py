"""`manage.py audit export`: what was done by whom, as lines of JSON."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from jobs.control import trail
from jobs.control.trail import Wanted
from jobs.management import moments
from jobs.management.base import TallyCommand
from jobs.management.output import Found


class Command(TallyCommand):
    help = "Export the audit trail: one JSON object per line, oldest first."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="what", required=True)
        export = verbs.add_parser("export", help="write the actions as JSON lines")
        export.add_argument("--since", metavar="TIME", help=f"from then on: {moments.HELP}")
        export.add_argument("--until", metavar="TIME", help="until before then")
        export.add_argument("--actor", default="", help="only what this one did, as in olga, keeper, command:root")
        export.add_argument("--verb", default="", help="only this verb, as in requeue")
        export.add_argument("--object", default="", help="only what was done to it, as in job:0192… or queue:high")
        export.add_argument("--output", metavar="FILE", help="a new file; without it: standard output")

    def handle(self, *_args: Any, **options: Any) -> None:
        now = timezone.now()
        wanted = Wanted(
            since=moments.ago("--since", options["since"], now=now),
            until=moments.ago("--until", options["until"], now=now),
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
