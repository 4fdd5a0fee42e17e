"""How long a job waits for its start when there is nothing else to do, and how long its row waits for the truth at half load."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any

from tests.benchmarks.contenders import Contender, Tally
from tests.benchmarks.draining import wait_until_open

_TURNS, _STAMPS, _STAMPS_A_SECOND = 4, 25, 12.5
_LOOK_SECONDS = 0.02


def idle_starts(contenders: Sequence[Contender], rounds: int) -> Iterator[dict[str, list[float]]]:
    """Seconds from the call to the first line of the body, one job at a time: two seconds of one, then the next.

    All their workers are up, so that a change of the machine's speed is everyone's; who is not in turn has nothing to do.
    """
    with _all_up(contenders):
        for _ in range(rounds):
            yield _idle_round(contenders)


@contextmanager
def _all_up(contenders: Iterable[Contender]) -> Iterator[None]:
    for one in contenders:
        one.resume()
        one.start_worker()
    try:
        for one in contenders:
            one.submit("single", 20)  # every process of the pool has run something
            wait_until_open(one, at_most=0)
        yield
    finally:
        for one in contenders:
            one.stop_worker()
            one.pause()


def _idle_round(contenders: Sequence[Contender]) -> dict[str, list[float]]:
    for one in contenders:
        one.samples.unlink(missing_ok=True)
    for _ in range(_TURNS):
        for one in contenders:
            one.submit("stamps", _STAMPS, rate=_STAMPS_A_SECOND)
            wait_until_open(one, at_most=0)
    return {one.name: [float(line) for line in one.samples.read_text().split()] for one in contenders}


def lags_at(rates: Mapping[Tally, float], *, seconds: float, rounds: int) -> Iterator[dict[str, list[float]]]:
    """The age of the oldest journal entry that no row shows yet, looked at fifty times a second under a steady load.

    In turns, as above.
    """
    with _all_up(rates):
        for _ in range(rounds):
            yield {one.name: _lags(one, rate=rate, seconds=seconds) for one, rate in rates.items()}


def _lags(contender: Tally, *, rate: float, seconds: float) -> list[float]:
    ages: list[float] = []
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(contender.journal(), over, ages))
    watcher.start()
    try:
        contender.submit("paced", int(rate * seconds), rate=rate)
    finally:
        over.set()
        watcher.join()
    wait_until_open(contender, at_most=0)
    return ages


def _watch(journal: Any, over: threading.Event, ages: list[float]) -> None:
    while not over.wait(_LOOK_SECONDS):
        oldest, (seconds, micros) = journal.pipeline().xrange("tally:journal", count=1).time().execute()
        if oldest:
            stamp_ms = int(oldest[0][0].partition("-")[0])
            ages.append(seconds + micros / 1e6 - stamp_ms / 1e3)


def percentile(values: list[float], share: float) -> float:
    if not values:
        return 0.0
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]
