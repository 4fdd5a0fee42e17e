"""CPU seconds and memory of processes, by what they are."""

from collections.abc import Mapping, Sequence

import psutil

Kinds = Mapping[str, Sequence[psutil.Process]]


def cpu_seconds(kinds: Kinds) -> dict[str, float]:
    """User and system time so far, that of ended children included."""
    return {kind: sum(_cpu(process) for process in processes) for kind, processes in kinds.items()}


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {kind: max(0.0, seconds - before.get(kind, 0.0)) for kind, seconds in after.items()}


def memory_bytes(process: psutil.Process) -> int:
    return int(process.memory_info().rss)
