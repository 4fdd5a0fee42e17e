"""`manage.py prune`: let go now of what is past its keeping time, or say what that would be."""

import time
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from jobs.control import actions
from jobs.keeper import pruner
from jobs.keeper.pruner import Pruned, Sweep
from jobs.management import people
from jobs.management.base import TallyCommand
from jobs.management.output import write_json, write_table

_REST_SECONDS = 0.02  # between batches the database is others'
_SAY_EVERY_SECONDS = 5.0


class Command(TallyCommand):
    help = (
        "Delete what is past its keeping time (TASKQUEUE: KEEP_FINAL_SECONDS, KEEP_BODIES_SECONDS and their exceptions), in "
        "small batches. The keeper does the same by itself. Jobs with an open dead letter are never deleted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count, by queue and state")
        parser.add_argument("--reason", default="", help="recorded with the action")
        parser.add_argument("--json", action="store_true", help="one JSON document")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["dry_run"]:
            self._preview(options)
            return
        done = self._prune(quiet=options["json"])
        if done.jobs or done.bodies:
            after = {"jobs": done.jobs, "bodies": done.bodies}
            actions.note(people.operator(), "prune", "retention:all", reason=options["reason"], after=after)
        if options["json"]:
            write_json(self, {"jobs": done.jobs, "bodies": done.bodies, "keys": done.keys, "chords": done.chords})
            return
        self.stdout.write(f"{done.jobs} jobs deleted, {done.bodies} more without payload and result from now on.")

    def _preview(self, options: dict[str, Any]) -> None:
        found = pruner.preview(timezone.now())
        rows = [[queue, state, jobs, bodies] for (queue, state), (jobs, bodies) in found.items()]
        if options["json"]:
            names = ("queue", "state", "jobs", "bodies")
            write_json(self, [dict(zip(names, row, strict=True)) for row in rows])
            return
        empty = "Nothing is past its keeping time."
        write_table(self, ("queue", "state", "jobs to delete", "bodies to drop"), rows, empty=empty)

    def _prune(self, *, quiet: bool) -> Pruned:
        total, said, sweep = Pruned(), time.monotonic(), Sweep()
        while True:
            done = pruner.prune(timezone.now(), sweep=sweep)
            total.add(done)
            if not done.is_more:
                return total
            if not quiet and time.monotonic() - said >= _SAY_EVERY_SECONDS:
                said = time.monotonic()
                self.stdout.write(f"{total.jobs} jobs deleted so far")
            time.sleep(_REST_SECONDS)
