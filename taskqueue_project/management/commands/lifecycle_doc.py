"""`manage.py lifecycle_doc`: writes docs/lifecycle.md from the lifecycle's table, or checks that it is up to date."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from jobs.domain import diagram
from jobs.management.output import Found
from taskqueue_project.env import CHECKOUT


class Command(BaseCommand):
    help = "Write docs/lifecycle.md from the table of the lifecycle."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")

    def handle(self, *_args: Any, **options: Any) -> None:
        page = CHECKOUT / "docs" / "lifecycle.md"
        text = diagram.render()
        if options["check"]:
            if not page.exists() or page.read_text(encoding="utf-8") != text:
                raise Found("docs/lifecycle.md is stale. Run `manage.py lifecycle_doc` and commit the page.")
            self.stdout.write("docs/lifecycle.md is up to date.")
            return
        page.write_text(text, encoding="utf-8")
        self.stdout.write(f"Wrote {page.relative_to(CHECKOUT)}.")
