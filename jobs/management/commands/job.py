"""`manage.py job ID`: everything known of one job."""

import json
from typing import Any

from django.core.management.base import CommandParser

from jobs.management import finding, waiting
from jobs.management.base import TallyCommand
from jobs.management.output import write_json, write_table
from jobs.models import Action, Attempt, Job


class Command(TallyCommand):
    help = "Show a job with its attempts and what was done to it. The start of an id is enough if it is unique."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id")
        parser.add_argument("--wait", action="store_true", help="show it when it has ended")
        parser.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="how long --wait waits")
        parser.add_argument("--json", action="store_true", help="one JSON document")

    def handle(self, *_args: Any, **options: Any) -> None:
        job = finding.job(options["id"])
        if options["wait"]:
            waiting.await_end(job, timeout_seconds=options["timeout"])
        if options["json"]:
            write_json(self, _document(job))
            return
        for name, value in _facts(job):
            self.stdout.write(f"{name:<12} {value}")
        self.stdout.write("")
        write_table(
            self,
            ("attempt", "outcome", "worker", "pid", "started", "run s", "retry at", "error"),
            [_attempt_row(attempt) for attempt in job.attempts.all()],
            empty="No attempt yet.",
        )
        last = job.attempts.exclude(traceback="").last()
        if last is not None:
            self.stdout.write(f"\nAttempt {last.number}:\n{last.traceback}")


def _facts(job: Job) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("job", job.id),
        ("task", job.task),
        ("queue", job.queue),
        ("state", job.state),
        ("source", f"{job.source} by {job.submitted_by}" if job.submitted_by else job.source),
        ("created", job.created_at),
        ("run at", job.run_at or "–"),
        ("finished", job.finished_at or "–"),
        ("payload", _body(job, job.payload)),
        ("result", _body(job, job.result)),
    ]
    if job.args:
        facts.append(("args", json.dumps(job.args, ensure_ascii=False)))
    if job.error:
        facts.append(("error", f"{job.error_type}: {job.error}"))
    if job.progress_percent is not None or job.progress_message:
        facts.append(("progress", f"{job.progress_percent or 0:g} % {job.progress_message}"))
    return facts


def _body(job: Job, value: object) -> str:
    if job.stripped_at is not None:
        return f"let go by retention on {job.stripped_at:%Y-%m-%d}"
    return json.dumps(value, ensure_ascii=False)


def _attempt_row(attempt: Attempt) -> list[object]:
    run = "" if attempt.run_seconds is None else f"{attempt.run_seconds:.2f}"
    error = f"{attempt.error_type}: {attempt.error}".split("\n", 1)[0][:60] if attempt.error_type else ""
    started = f"{attempt.started_at:%H:%M:%S}" if attempt.started_at else ""
    retry_at = f"{attempt.retry_at:%H:%M:%S}" if attempt.retry_at else ""
    return [attempt.number, attempt.outcome, attempt.worker, attempt.pid, started, run, retry_at, error]


def _document(job: Job) -> dict[str, Any]:
    names = [f.attname for f in Job._meta.concrete_fields]
    attempts = [f.attname for f in Attempt._meta.concrete_fields if f.attname not in {"id", "job_id"}]
    actions = Action.objects.filter(object=f"job:{job.id}").order_by("id")
    return {
        **{name: getattr(job, name) for name in names},
        "attempts": list(job.attempts.values(*attempts)),
        "actions": list(actions.values("id", "at", "actor", "verb", "reason", "before", "after")),
    }
