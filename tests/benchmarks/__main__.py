"""`make bench`: interleaved rounds against stock Celery, medians, a verdict for each target, one last line to quote."""

import argparse
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from taskqueue_project.localstack.postgres import EmbeddedPostgres
from tests.benchmarks import backlog, contenders, draining, report, targets, waiting_times
from tests.benchmarks.contenders import Contender, Stock, StockDjango, Tally
from tests.support.process import ROOT

ROUNDS = 3
SINGLES, BULK = 300, 8_000
# A second of one contender, then the next: this machine's speed changes from one half minute to another.
TURNS = 5
FILL = {"stock": 3_000, "stock-redis": 3_000, "stock-django-db": 900}
LAG_SECONDS = 8.0

Found = dict[str, dict[str, list[float]]]
console = Console(width=200 if not sys.stdout.isatty() else None)


def main() -> int:
    asked = _arguments()
    found: Found = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tally-bench-")))
        postgres = EmbeddedPostgres(directory / "postgres", durable=True)
        stack.callback(postgres.stop)
        postgres.start()
        all_of_them = [stack.enter_context(make(directory, postgres)) for make in contenders.ALL]
        for one in all_of_them:
            one.pause()
        for number in range(1, TURNS + 1):
            console.print(f"one by one, {number} of {TURNS}", highlight=False)
            for one in all_of_them:
                _submit_one_by_one(one, found[one.name])
        for number in range(1, asked.rounds + 1):
            for one in all_of_them:
                console.print(f"round {number} of {asked.rounds}: {one.title}", highlight=False)
                _one_round(one, found[one.name])
        _once(all_of_them, found, backlog_too=not asked.quick)
    titles = {one.name: one.title for one in all_of_them}
    verdicts = targets.verdicts(found)
    report.show(console, titles, found)
    if asked.save:
        report.save(ROOT / "docs" / "benchmarks" / f"{report.machine()['date']}.json", titles, found, verdicts)
    for verdict in verdicts:
        console.print(str(verdict), highlight=False)
    console.print(targets.last_line(found), highlight=False)
    return 0 if all(verdict.is_met for verdict in verdicts) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="leave the keeper's backlog of 200 000 entries out")
    parser.add_argument("--save", action="store_true", help="keep the figures in docs/benchmarks/")
    return parser.parse_args()


def _submit_one_by_one(contender: Contender, mine: dict[str, list[float]]) -> None:
    contender.resume()
    try:
        mine["single"].append(SINGLES / contender.submit("single", SINGLES))
    finally:
        contender.pause()


def _one_round(contender: Contender, mine: dict[str, list[float]]) -> None:
    contender.resume()
    try:
        if not isinstance(contender, StockDjango):
            waits = waiting_times.idle_start(contender)  # first: a drained database tidies up for a while
            for share in targets.SHARES:
                mine[targets.start_at(share)].append(waiting_times.percentile(waits, share))
        if isinstance(contender, Stock):
            contender.submit("single", FILL[contender.name])
        else:
            mine["bulk"].append(BULK / contender.submit("bulk", BULK))
        drained = draining.drain(contender)
        mine["drain"].append(drained.rate)
        mine["cpu"].append(drained.cpu_micros_total)
        for kind, micros in drained.cpu_micros.items():
            mine[f"cpu of {kind}"].append(micros)
    finally:
        contender.pause()


def _once(all_of_them: list[Contender], found: Found, *, backlog_too: bool) -> None:
    for one in all_of_them:
        if not isinstance(one, Tally):
            continue
        console.print(f"half load: {one.title}", highlight=False)
        one.resume()
        half = sorted(found[one.name]["drain"])[len(found[one.name]["drain"]) // 2] / 2
        found[one.name]["lag"] = waiting_times.lag_at(one, rate=half, seconds=LAG_SECONDS)
        one.pause()
    if backlog_too:
        [sqlite] = [one for one in all_of_them if one.name == "tally-sqlite" and isinstance(one, Tally)]
        console.print(f"a backlog of {backlog.ENTRIES:,} entries: {sqlite.title}", highlight=False)
        sqlite.resume()
        found[sqlite.name]["keeper memory"] = [float(backlog.keeper_memory_bytes(sqlite))]


if __name__ == "__main__":
    sys.exit(main())
