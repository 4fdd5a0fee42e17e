"""`manage.py cancel ID…`: take back jobs that wait, stop those that run."""

from typing import Any

from django.core.management.base import CommandParser

from jobs.api import cancel
from jobs.control import cancelling
from jobs.control.cancelling import Cancelling
from jobs.domain.errors import StateConflict
from jobs.management import finding, people
from jobs.management.base import TallyCommand
from jobs.management.output import Found, write_json

_SAID = {
    Cancelling.REVOKED: "revoked: it will not run",
    Cancelling.REVOKING: "revoking: it still runs, or Redis is away; it ends as soon as that is possible",
}


class Command(TallyCommand):
    help = "Cancel jobs: what waits never starts, what runs is stopped. Exit code 1 if one has ended already."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="+", metavar="ID", help="its start is enough if it is unique")
        parser.add_argument("--reason", default="", help="recorded with the action")
        parser.add_argument("--json", action="store_true", help="one JSON document")

    def handle(self, *_args: Any, **options: Any) -> None:
        done: list[dict[str, str]] = []
        problems: list[str] = []
        for text in options["ids"]:
            try:
                done.append(self._cancel(text, reason=options["reason"], quiet=options["json"]))
            except (Found, StateConflict) as error:
                problems.append(str(error))
        if options["json"]:
            write_json(self, done)
        if problems:
            raise Found("\n".join(problems))

    def _cancel(self, text: str, *, reason: str, quiet: bool) -> dict[str, str]:
        job = finding.job(text)
        status = cancel.settle(cancelling.cancel(job.id, actor=people.operator(), reason=reason))
        if not quiet:
            self.stdout.write(f"{job.id} ({job.task}) {_SAID[status]}.")
        return {"task_id": str(job.id), "status": status.value}
