"""`make bench-large`: the same work beside tables full of ended jobs and beside empty ones, in turns."""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from rich.console import Console

from taskqueue_project.localstack.postgres import EmbeddedPostgres
from tests.benchmarks import draining
from tests.benchmarks.contenders import Tally, TallyPostgres, TallySqlite
from tests.benchmarks.targets import Verdict

SINGLES, BULK = 500, 4_000
WITHIN = 0.15
EMPTY, FULL = "empty", "full"

console = Console(width=200 if not sys.stdout.isatty() else None)


def main() -> int:
    asked = _arguments()
    make: type[Tally] = TallyPostgres if asked.database == "postgres" else TallySqlite
    found: dict[str, dict[str, list[float]]] = {EMPTY: defaultdict(list), FULL: defaultdict(list)}
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tally-bench-")))
        postgres = EmbeddedPostgres(directory / "postgres", durable=True)
        stack.callback(postgres.stop)
        if make is TallyPostgres:
            postgres.start()
        both = {name: stack.enter_context(type(name, (make,), {"name": name})(directory, postgres)) for name in found}
        console.print(f"{make.title}: {asked.rows:,} jobs that ended are made", highlight=False)
        both[FULL].run("tests.benchmarks.filling", str(asked.rows), seconds=3_600)
        for one in both.values():
            one.pause()
        for number in range(1, asked.rounds + 1):
            for name, one in both.items():
                console.print(f"round {number} of {asked.rounds}: {name}", highlight=False)
                _one_round(one, found[name])
    verdicts = list(_verdicts(found))
    for verdict in verdicts:
        console.print(str(verdict), highlight=False)
    return 0 if all(verdict.is_met for verdict in verdicts) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-large", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--database", choices=("postgres", "sqlite"), default="postgres")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def _one_round(contender: Tally, mine: dict[str, list[float]]) -> None:
    contender.resume()
    try:
        mine["single"].append(SINGLES / contender.submit("single", SINGLES))
        mine["bulk"].append(BULK / contender.submit("bulk", BULK))
        mine["drain"].append(draining.drain(contender).rate)
        mine["sample"].append(1 / float(json.loads(contender.run("tests.benchmarks.sampling"))["seconds"]))
    finally:
        contender.pause()


def _verdicts(found: dict[str, dict[str, list[float]]]) -> "list[Verdict]":
    return [
        Verdict(f"{measure} with full tables vs empty", _ratio(found, measure), 1 - WITHIN, at_least=True)
        for measure in ("single", "bulk", "drain", "sample")
    ]


def _ratio(found: dict[str, dict[str, list[float]]], measure: str) -> float:
    console.print(
        f"{measure}/s: empty {median(found[EMPTY][measure]):,.0f}, full {median(found[FULL][measure]):,.0f}",
        highlight=False,
    )
    return median(found[FULL][measure]) / median(found[EMPTY][measure])


if __name__ == "__main__":
    sys.exit(main())
