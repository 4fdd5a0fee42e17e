"""How commands speak: tables for people, one JSON document for machines, one line for an error."""

import json
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from rich.console import Console
from rich.table import Table


class Found(CommandError):
    """The command worked and found a problem: exit code 1."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=1)


class BadUsage(CommandError):
    """What was asked makes no sense: exit code 2."""

    def __init__(self, message: str) -> None:
        super().__init__(message, returncode=2)


def write_json(command: BaseCommand, document: Any) -> None:
    command.stdout.write(json.dumps(document, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False))


def write_table(command: BaseCommand, columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    if not rows:
        command.stdout.write(empty)
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    is_terminal = command.stdout.isatty()
    console = Console(file=command.stdout, width=None if is_terminal else 200, force_terminal=is_terminal)  # type: ignore[arg-type]
    console.print(table)
