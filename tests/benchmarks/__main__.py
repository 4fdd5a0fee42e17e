"""`make bench`: interleaved rounds against stock Celery, medians, a verdict for each target, one last line to quote."""

import argparse
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from rich.console import Console

from taskqueue_project.localstack.postgres import EmbeddedPostgres
from tests.benchmarks import backlog, contenders, draining, report, targets, waiting_times
from tests.benchmarks.contenders import Contender, Stock, Tally
from tests.support.process import ROOT

ROUNDS = 4
BULK = 8_000
# A tenth of a second of one contender, then the next: this machine's speed changes from one half minute to another.
SINGLES, TURNS = 150, 8
IDLE = ("stock", "tally-sqlite", "tally-postgres")
FILL = {"stock": 3_000, "stock-redis": 3_000, "stock-django-db": 900}
LAG_SECONDS, LAG_ROUNDS = 4.0, 3

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
        # What waits for a single row comes first: a drained database keeps the disk busy for a while.
        _one_by_one(all_of_them, found)
        _idle([one for one in all_of_them if one.name in IDLE], found, rounds=asked.rounds)
        _one_by_one(all_of_them, found)
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


def _one_by_one(all_of_them: list[Contender], found: Found) -> None:
    for one in all_of_them:
        one.submit("single", 20)  # every caller is up and warm
    for _ in range(TURNS):
        for one in all_of_them:
            found[one.name]["single"].append(SINGLES / one.submit("single", SINGLES))


def _idle(some_of_them: list[Contender], found: Found, *, rounds: int) -> None:
    for number, waits in enumerate(waiting_times.idle_starts(some_of_them, rounds), start=1):
        console.print(f"idle, {number} of {rounds}", highlight=False)
        for name, seconds in waits.items():
            for share in targets.SHARES:
                found[name][targets.start_at(share)].append(waiting_times.percentile(seconds, share))


def _one_round(contender: Contender, mine: dict[str, list[float]]) -> None:
    contender.resume()
    try:
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
    console.print("half load", highlight=False)
    rates = {one: median(found[one.name]["drain"]) / 2 for one in all_of_them if isinstance(one, Tally)}
    for ages in waiting_times.lags_at(rates, seconds=LAG_SECONDS, rounds=LAG_ROUNDS):
        for name, seconds in ages.items():
            found[name][targets.LAG].append(waiting_times.percentile(seconds, 0.99))
    if backlog_too:
        [sqlite] = [one for one in all_of_them if one.name == "tally-sqlite" and isinstance(one, Tally)]
        console.print(f"a backlog of {backlog.ENTRIES:,} entries: {sqlite.title}", highlight=False)
        sqlite.resume()
        found[sqlite.name]["keeper memory"] = [float(backlog.keeper_memory_bytes(sqlite))]


if __name__ == "__main__":
    sys.exit(main())
