"""How fast a full queue becomes finished jobs, and what that costs in CPU."""

import time
from dataclasses import dataclass

from tests.benchmarks import processes
from tests.benchmarks.contenders import Contender

_LOOK_SECONDS, _SELDOM_SECONDS, _MANY = 0.05, 0.5, 500  # a look at SQL costs what a dozen jobs cost
_GIVE_UP_SECONDS = 120.0
_WARM_SHARE = 0.1  # done while the worker starts: neither timed nor counted


@dataclass(frozen=True, slots=True)
class Drained:
    jobs: int
    seconds: float
    cpu_micros: dict[str, float]  # a job, by kind of process

    @property
    def rate(self) -> float:
        return self.jobs / self.seconds

    @property
    def cpu_micros_total(self) -> float:
        return sum(self.cpu_micros.values())


def drain(contender: Contender) -> Drained:
    """The queue is full, the worker starts; measured from the first tenth to the last job."""
    filled = contender.open_jobs()
    contender.start_worker()
    try:
        begun = wait_until_open(contender, at_most=int(filled * (1 - _WARM_SHARE)))
        began, before = time.perf_counter(), processes.cpu_seconds(contender.kinds())
        wait_until_open(contender, at_most=0)
        seconds, after = time.perf_counter() - began, processes.cpu_seconds(contender.kinds())
    finally:
        contender.stop_worker()
    used = processes.spent(before, after)
    return Drained(begun, seconds, {kind: cpu / begun * 1e6 for kind, cpu in used.items()})


def wait_until_open(contender: Contender, *, at_most: int) -> int:
    give_up_at = time.monotonic() + _GIVE_UP_SECONDS
    while (still_open := contender.open_jobs()) > at_most:
        if time.monotonic() > give_up_at:
            raise RuntimeError(f"{contender.name} stands still with {still_open} jobs open.")
        time.sleep(_SELDOM_SECONDS if still_open > at_most + _MANY else _LOOK_SECONDS)
    return still_open
