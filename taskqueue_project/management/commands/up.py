"""`manage.py up`: the whole stack on this machine, until Ctrl-C."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from taskqueue_project.localstack import running


class Command(BaseCommand):
    help = "Start everything on this machine: Redis, the database, web, three worker pools, keeper and beat. Ctrl-C stops it."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, help="port of the web server (default: PORT or 8000; 0: any free one)")
        parser.add_argument(
            "--data", metavar="DIR", help="data directory (default: TALLY_DATA or .tally in the checkout)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            running.run(os.environ, port=options["port"], data=options["data"])
        except running.CannotStart as error:
            raise CommandError(str(error)) from error

    def run(self, argv: list[str]) -> int:
        """Without Django's command machinery, which would read the settings."""
        options = self.create_parser(argv[0], argv[1]).parse_args(argv[2:])
        try:
            self.handle(port=options.port, data=options.data)
        except CommandError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        return 0
