"""`manage.py workers`: who lives, and what each runs."""

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from jobs import conf
from jobs.api import workers
from jobs.broker import connections, heartbeats
from jobs.broker.heartbeats import Beat
from jobs.management.base import TallyCommand
from jobs.management.output import write_json, write_table

_COLUMNS = ("worker", "pid", "queues", "busy", "up", "last beat s", "MB", "version", "runs")


class Command(TallyCommand):
    help = "Show the workers that live, by their heartbeats, and what each runs now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document, as the API shows them")

    def handle(self, *_args: Any, **options: Any) -> None:
        client = connections.patient()
        beats = heartbeats.live(client, within_seconds=conf.current().RESCUE_AFTER_SECONDS)
        if options["json"]:
            write_json(self, [workers.describe(beat) for beat in beats])
            return
        now_ms = connections.redis_ms(client)
        empty = "No worker lives. `make up` starts some; `celery -A taskqueue_project worker -Q high` starts one."
        write_table(self, _COLUMNS, [_row(beat, now_ms=now_ms) for beat in beats], empty=empty)


def _row(beat: Beat, *, now_ms: int) -> list[object]:
    up = timedelta(seconds=(now_ms - beat.started_ms) // 1000)
    running = ", ".join(f"{task} {job_id[:13]}" for job_id, _attempt, task in beat.running)
    silent = f"{(now_ms - beat.at_ms) / 1000:.1f}"
    busy = f"{len(beat.running)}/{beat.concurrency}"
    mb = round(beat.rss_bytes / 1_048_576)
    return [beat.name, beat.pid, ",".join(beat.queues), busy, up, silent, mb, beat.version, running]
