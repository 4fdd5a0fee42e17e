"""`manage.py verify`: every promise that SQL and Redis can show; exit code 1 names what does not hold."""

import json
import time
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.db import DatabaseError

from jobs.management.base import TallyCommand
from jobs.management.output import Found
from jobs.verification.findings import Finding, every
from jobs.verification.verifying import PATIENCE_SECONDS, Verification


class Command(TallyCommand):
    help = "Look at every promise that SQL and Redis can show. Names each job that is unaccounted for and exits 1."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document, written as the findings are made")
        parser.add_argument("--list", action="store_true", help="name the checks and what each of them promises")
        parser.add_argument(
            "--patience",
            type=float,
            default=PATIENCE_SECONDS,
            metavar="SECONDS",
            help="how long what is in motion may take to settle (default: %(default)g)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        verification = Verification(patience_seconds=options["patience"])
        if options["list"]:
            self._list()
            return
        try:
            if options["json"]:
                self._write_document(verification)
            else:
                self._write_lines(verification)
        except DatabaseError as error:
            raise Found(f"SQL can't be asked, so nothing is verified: {error}".strip()) from None
        if verification.found:
            raise Found(f"{verification.found} finding(s): what is named above is not as it must be.")

    def _list(self) -> None:
        from jobs.verification import verifying  # noqa: F401  (registers)

        for check in every():
            self.stdout.write(f"{check.name:<30} {check.promise}")

    def _write_lines(self, verification: Verification) -> None:
        began = time.monotonic()
        if self.stdout.isatty():
            verification.tell = lambda check: self.stdout.write(f"  {check.promise}")
        for finding in verification:
            self.stdout.write(f"{finding.object} {finding.problem} [{finding.check}]")
        self.stdout.write(f"{len(every())} checks, {verification.found} findings, {time.monotonic() - began:.1f} s")
        self.stdout.write(str(verification.ledger()))

    def _write_document(self, verification: Verification) -> None:
        self.stdout.write('{"findings": [', ending="")
        for place, finding in enumerate(verification):
            self.stdout.write(("," if place else "") + "\n  " + _text(finding), ending="")
        ledger = verification.ledger()
        closing = {"checks": len(every()), "found": verification.found, "ledger": asdict(ledger)}
        self.stdout.write("],\n" + json.dumps(closing, indent=2).removeprefix("{").lstrip("\n"))


def _text(finding: Finding) -> str:
    return json.dumps(asdict(finding), ensure_ascii=False)
