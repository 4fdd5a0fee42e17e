"""`manage.py queues`: how deep they are; pause, resume or purge one."""

from typing import Any

from django.core.management.base import CommandParser

from jobs.api import statistics
from jobs.control import queues
from jobs.management import people
from jobs.management.base import TallyCommand
from jobs.management.output import write_json, write_table

_COLUMNS = ("queue", "waiting", "oldest s", "running", "workers", "paused")


class Command(TallyCommand):
    help = "Show the queues; let workers leave one (pause) or come back (resume); cancel all that waits in one (purge)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document")
        verbs = parser.add_subparsers(dest="verb", metavar="VERB")
        for verb, text in (
            ("list", "all of them (this is the default)"),
            ("pause", "workers leave it with their next beat; what runs goes on"),
            ("resume", "workers come back to it"),
            ("purge", "cancel every job that waits in it, each with its own record"),
        ):
            chosen = verbs.add_parser(verb, help=text)
            chosen.add_argument("--json", action="store_true", default=None, help="one JSON document")
            if verb != "list":
                chosen.add_argument("queue")
                chosen.add_argument("--reason", default="", help="recorded with the action")

    def handle(self, *_args: Any, **options: Any) -> None:
        verb = options["verb"] or "list"
        if verb == "list":
            self._show(statistics.queues(people.operator()), options)
            return
        by = {"actor": people.operator(), "reason": options["reason"]}
        purged: dict[str, int] = {}
        match verb:
            case "pause":
                queues.pause(options["queue"], **by)
            case "resume":
                queues.resume(options["queue"], **by)
            case _:
                purged = {"purged": queues.purge(options["queue"], **by)}
        shown = statistics.queue(options["queue"])
        if options["json"]:
            write_json(self, {**shown, **purged})
            return
        if purged:
            self.stdout.write(f"{purged['purged']} waiting job(s) cancelled.")
        self._show([shown], options)

    def _show(self, found: list[dict[str, Any]], options: dict[str, Any]) -> None:
        if options["json"]:
            write_json(self, found)
            return
        write_table(self, _COLUMNS, [_row(queue) for queue in found], empty="TASKQUEUE names no queue.")


def _row(queue: dict[str, Any]) -> list[object]:
    by, why = queue["paused_by"] or "", queue["paused_reason"] or ""
    paused = f"by {by}" + (f": {why}" if why else "") if queue["paused"] else ""
    workers = "unknown" if queue["workers"] is None else queue["workers"]
    return [queue["name"], queue["waiting"], f"{queue['oldest_seconds']:.1f}", queue["running"], workers, paused]
