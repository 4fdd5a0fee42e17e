"""`manage.py doctor`: is this installation well; if not: what is wrong, why it matters, what to do."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from jobs.doctor import examining
from jobs.doctor.examining import Finding, Level, Result
from jobs.management.base import TallyCommand
from jobs.management.output import Found, write_json


class Command(TallyCommand):
    help = (
        "Look at the settings and at the live servers and processes. Each finding says what is so, why it matters and "
        "what to do. Exit code 1 if there is a problem; notes alone are fine."
    )
    requires_system_checks = ()  # they are what it reports

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document")

    def handle(self, *_args: Any, **options: Any) -> None:
        results = []
        for result in examining.examine_all():
            results.append(result)
            if not options["json"]:
                self._write(result)
        found = [finding for result in results for finding in result.findings]
        problems = sum(finding.level is Level.PROBLEM for finding in found)
        if options["json"]:
            write_json(self, _document(results))
        else:
            notes = f", {len(found) - problems} note(s)" if len(found) > problems else ""
            self.stdout.write(f"\n{len(results)} examinations: {problems or 'no'} problem(s){notes}.")
        if problems:
            raise Found("This installation is not well: see what is named above.")

    def _write(self, result: Result) -> None:
        if result.skipped:
            self.stdout.write(f"?  not looked at: {result.examination.well}")
        elif result.is_well:
            self.stdout.write(self.style.SUCCESS("✓") + f"  {result.examination.well}")
        for finding in result.findings:
            self._write_finding(finding)

    def _write_finding(self, finding: Finding) -> None:
        is_problem = finding.level is Level.PROBLEM
        mark = self.style.ERROR("✗") if is_problem else self.style.WARNING("!")
        self.stdout.write(f"{mark}  {finding.what}\n   Why: {finding.why}\n   Do:  {finding.remedy}")


def _document(results: list[Result]) -> dict[str, Any]:
    return {
        "well": [result.examination.name for result in results if result.is_well],
        "not_looked_at": [result.examination.name for result in results if result.skipped],
        "findings": [
            {"examination": result.examination.name, **asdict(finding)}
            for result in results
            for finding in result.findings
        ],
    }
