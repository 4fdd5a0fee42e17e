"""`manage.py reference_docs`: writes the pages of docs/ that the code can tell, or checks that they are up to date."""

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from jobs.domain import diagram
from jobs.management.output import Found
from taskqueue_project.env import CHECKOUT
from taskqueue_project.reference import api, commands, configuration

PAGES: dict[str, Callable[[], str]] = {
    "docs/lifecycle.md": diagram.render,
    "docs/configuration.md": configuration.render,
    "docs/commands.md": commands.render,
    "docs/api.md": api.render,
}


class Command(BaseCommand):
    help = "Write what the code can tell into docs/: the lifecycle, settings, commands, the API."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is stale")

    def handle(self, *_args: Any, **options: Any) -> None:
        texts = {name: render() for name, render in PAGES.items()}
        stale = [name for name, text in texts.items() if _read(name) != text]
        if options["check"]:
            if stale:
                raise Found(f"{', '.join(stale)}: stale. Run `manage.py reference_docs` and commit.")
            self.stdout.write(f"{', '.join(PAGES)} are up to date.")
            return
        for name in stale:
            (CHECKOUT / name).write_text(texts[name], encoding="utf-8")
        self.stdout.write(f"Wrote {', '.join(stale)}." if stale else "Nothing has changed.")


def _read(name: str) -> str:
    page = CHECKOUT / name
    return page.read_text(encoding="utf-8") if page.exists() else ""
