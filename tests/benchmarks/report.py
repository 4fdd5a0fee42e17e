"""What was measured, for people and for the repository."""

import json
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.targets import SHARES, Figures, Verdict, start_at

_PACKAGES = ("celery", "kombu", "redis", "django", "django-celery-results", "psycopg")
_RATES = {"single": "single submit /s", "bulk": "bulk submit /s", "drain": "drain /s", "cpu": "CPU µs a job"}


def machine() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def show(console: Console, titles: dict[str, str], figures: Figures) -> None:
    console.print(" · ".join(f"{name} {value}" for name, value in machine().items()))
    table = Table("", *_RATES.values(), "idle start p50/p95/p99 ms", "CPU µs a job, by process")
    for name, title in titles.items():
        mine = figures[name]
        rates = [_spread(mine.get(measure, [])) for measure in _RATES]
        table.add_row(title, *rates, _starts(mine), _parts(mine))
    console.print(table)


def _spread(values: list[float]) -> str:
    """The median, and the least and the most beside it."""
    if not values:
        return "–"
    return f"{median(values):,.0f} ({min(values):,.0f}–{max(values):,.0f})"


def _starts(mine: Any) -> str:
    rounds = [mine.get(start_at(share), []) for share in SHARES]
    return " / ".join(f"{median(values) * 1000:.1f}" for values in rounds if values) or "–"


def _parts(mine: Any) -> str:
    parts = {name.removeprefix("cpu of "): values for name, values in mine.items() if name.startswith("cpu of ")}
    return ", ".join(f"{name} {median(values):.0f}" for name, values in parts.items())


def save(file: Path, titles: dict[str, str], figures: Figures, verdicts: Iterable[Verdict]) -> None:
    document = {
        "machine": machine(),
        "contenders": titles,
        "figures": {
            name: {key: [float(f"{value:.4g}") for value in values] for key, values in mine.items()}
            for name, mine in figures.items()
        },
        "targets": [
            {"measure": v.measure, "value": round(v.value, 3), "target": v.target, "met": v.is_met} for v in verdicts
        ],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
