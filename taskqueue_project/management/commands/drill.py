"""`manage.py drill`: kill the stack's own processes under load, then account for every job."""

import os
import random
import signal
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand

from jobs.management import people
from jobs.management.output import BadUsage, Found
from taskqueue_project import env
from taskqueue_project.localstack import lifeline, stackfile
from taskqueue_project.localstack.postgres import PostgresNotFound


class Command(BaseCommand):
    help = (
        "Kill workers, their children, the keeper and Redis under load, flush and pause Redis, then verify every job. "
        "Runs a private stack in a temporary directory unless told --here. Exit code 1: something was lost."
    )
    requires_system_checks = []  # the stack that it starts makes its own

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--seconds", type=float, default=60.0, help="how long the blows fall (default: %(default)g)"
        )
        parser.add_argument("--seed", type=int, help="repeats the same blows and jobs (default: a new one each time)")
        parser.add_argument("--here", action="store_true", help="on the stack that runs on this data directory")
        parser.add_argument(
            "--database-url", default="", metavar="URL", help="the private stack's database, an empty one"
        )
        parser.add_argument("--postgres", action="store_true", help="give the private stack an embedded PostgreSQL")
        parser.add_argument(
            "--even-in-production",
            action="store_true",
            help="with --here: do it although this does not look like a toy",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, _leave_in_order)
        seed = random.randrange(1_000_000) if options["seed"] is None else options["seed"]
        if not options["here"]:
            self._on_a_private_stack(options, seed=seed)
            return
        stack = stackfile.find_running(settings.ENV.data_dir)
        if stack is None:
            raise BadUsage(
                f"No stack runs on {settings.ENV.data_dir}: start one with `make up`, or leave --here out and drill a private one."
            )
        if not options["even_in_production"]:
            self._refuse_production(stack)
        self._on_this_stack(options, seed=seed)

    def _on_this_stack(self, options: dict[str, Any], *, seed: int) -> None:
        from taskqueue_project.drill import witness
        from taskqueue_project.drill.drilling import Drill

        drill = Drill(
            settings.ENV.data_dir,
            actor=people.operator(),
            seed=seed,
            say=self._say,
            witness_file=Path(noted) if (noted := os.environ.get(witness.VARIABLE)) else None,
        )
        report = drill.run(seconds=options["seconds"])
        for line in report.lines():
            self._say(line)
        if not report.is_good:
            raise Found(f"lost {report.lost}, {report.findings} finding(s). Repeat it with --seed {seed}.")

    def _on_a_private_stack(self, options: dict[str, Any], *, seed: int) -> None:
        """The drill itself runs in a process that has the private stack's settings."""
        from taskqueue_project.drill import stage

        url = options["database_url"]
        if url and (jobs := stage.count_jobs(url)) and not options["even_in_production"]:
            raise BadUsage(f"That database holds {jobs} jobs: the drill wants an empty one (or --even-in-production).")
        self._say("starting a private stack …")
        try:
            with stage.private_stack(database_url=url, postgres=options["postgres"]) as private:
                arguments = ["--here", "--seconds", str(options["seconds"]), "--seed", str(seed)]
                done = subprocess.run(
                    [sys.executable, "manage.py", "drill", *arguments],
                    cwd=env.CHECKOUT,
                    env=dict(private.environment),
                    check=False,
                    preexec_fn=lifeline.tie_to_me(),
                )
                kept = self._keep_log(private.log) if done.returncode else ""
        except (stage.StageFailed, PostgresNotFound) as error:
            raise Found(str(error)) from None
        if done.returncode:
            raise Found(f"The drill failed with code {done.returncode}. The stack's output is kept in {kept}.")

    def _keep_log(self, log: Path) -> str:
        kept = settings.ENV.data_dir / "drill.log"
        kept.write_bytes(log.read_bytes())
        return str(kept)

    def _refuse_production(self, stack: stackfile.Stack) -> None:
        reasons = [
            *(["DEBUG is off"] if not settings.DEBUG else []),
            *(["it has no Redis of its own"] if "redis" not in stack.pids else []),
            *([f"TALLY_ENVIRONMENT is {settings.ENV.environment_name}"] if _sounds_real() else []),
            *(["the database is on another host"] if _is_remote() else []),
        ]
        if reasons:
            raise BadUsage(
                f"This stack looks like more than a toy: {', '.join(reasons)}. The drill flushes Redis and kills processes. "
                "Say --even-in-production if you mean it."
            )

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _leave_in_order(_signum: int, _frame: FrameType | None) -> NoReturn:
    """So that whoever is frozen goes on, and a private stack is taken down."""
    raise SystemExit(1)


def _sounds_real() -> bool:
    return any(word in settings.ENV.environment_name.lower() for word in ("prod", "live", "staging"))


def _is_remote() -> bool:
    host = str(settings.DATABASES["default"].get("HOST") or "")
    return (
        bool(host) and not host.startswith("/") and host not in {"localhost", "127.0.0.1", "::1", os.uname().nodename}
    )
