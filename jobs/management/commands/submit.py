"""`manage.py submit TYPE --payload JSON`: one job from the command line."""

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from jobs.domain.errors import TallyError
from jobs.domain.states import Source, State
from jobs.intake import registry, submission
from jobs.intake.drafts import Draft
from jobs.management import people, waiting
from jobs.management.base import TallyCommand
from jobs.management.output import BadUsage, Found, write_table
from jobs.models import Job


class Command(TallyCommand):
    help = "Submit a job. Prints its id; with --wait also how it ended (exit code 1 unless it succeeded)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("type", nargs="?", help="the task, as `--list` names it")
        parser.add_argument("--payload", default="{}", metavar="JSON", help="the task's arguments, a JSON object")
        parser.add_argument("--queue", help="instead of the task's own queue")
        parser.add_argument("--delay", type=float, metavar="SECONDS", help="not before so many seconds from now")
        parser.add_argument("--idempotency-key", default="", metavar="KEY", help="a second submission finds the first")
        parser.add_argument("--correlation-id", default="", metavar="ID", help="shared by jobs that belong together")
        parser.add_argument(
            "--tag", action="append", default=[], dest="tags", metavar="TAG", help="may be given several times"
        )
        parser.add_argument("--wait", action="store_true", help="wait until the job has ended")
        parser.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="how long --wait waits")
        parser.add_argument("--list", action="store_true", help="name every task and what it takes")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["list"]:
            self._list()
            return
        if not options["type"]:
            raise BadUsage("Which task? `manage.py submit --list` names them.")
        try:
            job = submission.submit(_draft(options), actor=people.operator(), source=Source.COMMAND)
        except TallyError as error:
            raise BadUsage(str(error)) from None
        self.stdout.write(str(job.id))
        self.stdout.flush()
        if options["wait"]:
            self._wait(job, timeout_seconds=options["timeout"])

    def _list(self) -> None:
        rows = [
            (spec.name, spec.options.queue, spec.max_retries, ", ".join(spec.schema.signature.parameters))
            for spec in registry.every()
        ]
        write_table(self, ("task", "queue", "max retries", "takes"), rows, empty="No task is registered.")

    def _wait(self, job: Job, *, timeout_seconds: float) -> None:
        waiting.await_end(job, timeout_seconds=timeout_seconds)
        self.stdout.write(str(job.state))
        if job.state != State.SUCCEEDED:
            raise Found(f"Job {job.id} ended {job.state}. {job.error}".strip())
        self.stdout.write(json.dumps(job.result, ensure_ascii=False))


def _draft(options: dict[str, Any]) -> Draft:
    try:
        payload = json.loads(options["payload"])
    except ValueError as error:
        raise BadUsage(f"--payload is no JSON: {error}") from None
    if not isinstance(payload, dict):
        raise BadUsage('--payload must be a JSON object, as in \'{"to": "a@b.c"}\'.')
    delay = options["delay"]
    return Draft(
        task=options["type"],
        payload=payload,
        queue=options["queue"],
        run_at=timezone.now() + timedelta(seconds=delay) if delay else None,
        idempotency_key=options["idempotency_key"],
        correlation_id=options["correlation_id"],
        tags=options["tags"],
    )
