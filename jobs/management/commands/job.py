"""`manage.py job ID`: everything known of one job."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from jobs.management.output import Found, write_json, write_table
from jobs.models import Action, Attempt, Job


class Command(BaseCommand):
    help = "Show a job with its attempts and what was done to it. The start of an id is enough if it is unique."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id")
        parser.add_argument("--json", action="store_true", help="one JSON document")

    def handle(self, *_args: Any, **options: Any) -> None:
        job = _find(options["id"])
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


def _find(text: str) -> Job:
    prefix = text.lower().replace("-", "")
    if not prefix or len(prefix) > 32 or not all(c in "0123456789abcdef" for c in prefix):
        raise Found(f"{text!r} is no job id.")
    low, high = prefix.ljust(32, "0"), prefix.ljust(32, "f")
    found = list(Job.objects.filter(id__gte=low, id__lte=high).order_by("id")[:2])
    if not found:
        raise Found(f"There is no job {text}. `manage.py jobs` lists the newest.")
    if len(found) > 1:
        raise Found(f"Several jobs begin with {text}. Give more of the id.")
    return found[0]


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
        ("payload", json.dumps(job.payload, ensure_ascii=False)),
        ("result", json.dumps(job.result, ensure_ascii=False)),
    ]
    if job.args:
        facts.append(("args", json.dumps(job.args, ensure_ascii=False)))
    if job.error:
        facts.append(("error", f"{job.error_type}: {job.error}"))
    if job.progress_percent is not None or job.progress_message:
        facts.append(("progress", f"{job.progress_percent or 0:g} % {job.progress_message}"))
    return facts


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
