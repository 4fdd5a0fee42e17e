"""The jobs that every contender runs: the very same functions."""

import os
import time
from pathlib import Path

from celery import shared_task

SAMPLES = "TALLY_BENCH_SAMPLES"


@shared_task(name="bench.noop")
def noop(number: int) -> int:
    return number


@shared_task(name="bench.stamp")
def stamp(sent: float) -> None:
    """Note how long the call took to get here."""
    waited = time.time() - sent
    with Path(os.environ[SAMPLES]).open("a", encoding="ascii") as samples:  # short appends don't mix
        samples.write(f"{waited:.6f}\n")
