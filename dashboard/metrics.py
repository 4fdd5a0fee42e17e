"""What Prometheus is told: the keeper's sample, what Redis says of the processes, and the counts of all time per task.

Nothing is counted over jobs, so a scrape costs the same whatever the tables hold. Labels are the configured queues and
the tasks this code declares; everything else is `other`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from jobs import conf
from jobs.api import statistics
from jobs.broker import connections, journal, leases
from jobs.broker.heartbeats import Beat
from jobs.control.queues import paused_names
from jobs.doctor import accounting
from jobs.intake import registry
from jobs.keeper import leader, sampler
from jobs.lifecycle.pruning import PRUNED
from jobs.lifecycle.rollups import BOUNDS
from jobs.models import Rollup
from jobs.models.rollup import ALL_TIME

OTHER = "other"
_JOB_OUTCOMES = ("succeeded", "dead", "cancelled", "expired")
_ATTEMPT_OUTCOMES = ("failed", "timed_out", "lost", "cancelled", "interrupted")
_OF_TASK = ["queue", "task"]


@dataclass(frozen=True, slots=True)
class Facts:
    """One moment. None: Redis can't be asked, or nobody knows."""

    at: datetime
    queues: Sequence[Mapping[str, Any]]
    sample: Mapping[str, Any] | None
    sample_age_seconds: float | None = None
    workers: Sequence[Beat] | None = None
    journal_lag_seconds: float | None = None
    is_led: bool = False
    unaccounted: int | None = None


@dataclass(slots=True)
class Totals:
    """Of all time, of one queue and task."""

    counts: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)


class TallyCollector(Collector):
    def __init__(self, *, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        yield from gauges(look(self._now))
        yield from totals(_all_time())


def look(now: datetime) -> Facts:
    try:
        client = connections.hasty()
        sample = sampler.read_sample(client)
        age = (now - datetime.fromisoformat(sample["at"])).total_seconds() if sample else None
        is_fresh = age is not None and age <= conf.current().SAMPLE_STALE_SECONDS
        return Facts(
            at=now,
            queues=sample["queues"] if sample and is_fresh else _count_queues(now),
            sample=sample if is_fresh else None,
            sample_age_seconds=age,
            workers=statistics.live_workers(),
            journal_lag_seconds=journal.lag_seconds(client),
            is_led=leases.holder_of(client, leader.LEASE) is not None,
            unaccounted=accounting.read_unaccounted(client),
        )
    except connections.Unavailable:
        return Facts(at=now, queues=_count_queues(now), sample=None)


def gauges(facts: Facts) -> Iterator[Metric]:
    yield from _gauges_of_queues(facts)
    yield from _gauges_of_the_sample(facts)
    yield from _gauges_of_processes(facts)


def _count_queues(now: datetime) -> list[dict[str, Any]]:
    """From partial indexes, when nobody samples."""
    return [
        {
            "name": q.name,
            "waiting": q.waiting,
            "oldest_seconds": q.oldest_seconds,
            "running": q.running,
            "paused": q.paused,
        }
        for q in sampler.count_queues(now=now, paused=paused_names())
    ]


def _gauges_of_queues(facts: Facts) -> Iterator[Metric]:
    for name, key, text in (
        ("tally_jobs_waiting", "waiting", "Jobs that are due and wait for a worker."),
        ("tally_oldest_waiting_seconds", "oldest_seconds", "How long the job at the head of the queue has waited."),
        ("tally_jobs_running", "running", "Jobs that run now."),
        ("tally_queue_paused", "paused", "1: workers leave this queue alone."),
    ):
        gauge = GaugeMetricFamily(name, text, labels=["queue"])
        for queue in facts.queues:
            gauge.add_metric([queue["name"]], float(queue[key]))
        yield gauge


def _gauges_of_the_sample(facts: Facts) -> Iterator[Metric]:
    """Dead letters are counted here when nobody samples: they wait for a person either way."""
    known = facts.sample if facts.sample is not None else sampler.count_elsewhere(now=facts.at)
    for name, key, text in (
        ("tally_jobs_scheduled", "scheduled", "Jobs that wait for their time; counted up to 10000."),
        ("tally_jobs_retrying", "retrying", "Jobs that wait for their next attempt; counted up to 10000."),
        ("tally_dead_letters_open", "dead_letters_open", "Dead jobs about which nobody has decided."),
        ("tally_dead_letters_oldest_seconds", "dead_letters_oldest_seconds", "How long the oldest of them has waited."),
        ("tally_groups_undecided", "groups_undecided", "Groups of dead letters that nobody has triaged."),
    ):
        if key in known:
            yield GaugeMetricFamily(name, text, value=float(known[key]))
    if "duplicates_suppressed" in known:
        text = "Messages dropped because their attempt had been claimed."
        yield CounterMetricFamily("tally_duplicates_suppressed", text, value=float(known["duplicates_suppressed"]))


def _gauges_of_processes(facts: Facts) -> Iterator[Metric]:
    is_up = facts.workers is not None
    yield GaugeMetricFamily("tally_redis_up", "1: Redis answers.", value=float(is_up))
    yield GaugeMetricFamily("tally_keeper_leader", "1: a keeper holds the lease.", value=float(facts.is_led))
    for name, value, text in (
        ("tally_sample_age_seconds", facts.sample_age_seconds, "Since the keeper's last sample."),
        ("tally_journal_lag_seconds", facts.journal_lag_seconds, "Age of the oldest journal entry not recorded yet."),
        ("tally_jobs_unaccounted", facts.unaccounted, "Jobs on no way to an end, by the checks of verify."),
    ):
        if value is not None:
            yield GaugeMetricFamily(name, text, value=float(value))
    if facts.workers is None:
        return
    yield GaugeMetricFamily("tally_workers", "Workers that live.", value=len(facts.workers))
    slots = sum(beat.concurrency for beat in facts.workers)
    yield GaugeMetricFamily("tally_worker_processes", "Jobs that all workers can run at once.", value=slots)
    busy = sum(len(beat.running) for beat in facts.workers)
    yield GaugeMetricFamily("tally_worker_processes_busy", "Of these, how many run one.", value=busy)
    serving = GaugeMetricFamily("tally_queue_workers", "Workers that serve the queue.", labels=["queue"])
    for queue in conf.current().QUEUES:
        serving.add_metric([queue], sum(queue in beat.queues for beat in facts.workers))
    yield serving


def totals(found: Mapping[tuple[str, str], Totals]) -> Iterator[Metric]:
    ended = CounterMetricFamily("tally_jobs_ended", "Jobs that ended.", labels=[*_OF_TASK, "outcome"])
    closed = CounterMetricFamily("tally_attempts_ended", "Attempts that ended.", labels=[*_OF_TASK, "outcome"])
    simple = {
        "started": CounterMetricFamily("tally_attempts_started", "Attempts that started.", labels=_OF_TASK),
        "retrying": CounterMetricFamily("tally_retries", "Attempts after which a retry was granted.", labels=_OF_TASK),
        "requeued": CounterMetricFamily("tally_jobs_requeued", "Dead jobs that were queued again.", labels=_OF_TASK),
    }
    pruned = CounterMetricFamily("tally_jobs_pruned", "Ended jobs whose rows retention deleted.", labels=_OF_TASK)
    waits = HistogramMetricFamily("tally_wait_seconds", "From due to started.", labels=_OF_TASK)
    runs = HistogramMetricFamily("tally_run_seconds", "From started to ended.", labels=_OF_TASK)
    for (queue, task), total in sorted(found.items()):
        of_task, counts = [queue, task], total.counts
        for outcome in _JOB_OUTCOMES:
            ended.add_metric([*of_task, outcome], counts[outcome])
        closed.add_metric([*of_task, "succeeded"], counts["succeeded"])
        for outcome in _ATTEMPT_OUTCOMES:
            closed.add_metric([*of_task, outcome], counts[f"attempt_{outcome}"])
        for name, family in simple.items():
            family.add_metric(of_task, counts[name])
        pruned.add_metric(of_task, sum(counts[f"{PRUNED}{outcome}"] for outcome in _JOB_OUTCOMES))
        waits.add_metric(of_task, _buckets(total.waits), sum_value=None)
        runs.add_metric(of_task, _buckets(total.runs), sum_value=None)
    yield from (ended, closed, *simple.values(), pruned, waits, runs)


def _buckets(counts: Counter[str]) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus wants them. There is no sum: rollups keep buckets only."""
    seen, buckets = 0, []
    for bound in BOUNDS:
        seen += counts[f"{bound:g}"]
        buckets.append((f"{bound:g}", float(seen)))
    return [*buckets, ("+Inf", float(seen + counts["inf"]))]


def _all_time() -> dict[tuple[str, str], Totals]:
    queues, tasks = frozenset(conf.current().QUEUES), frozenset(spec.name for spec in registry.every())
    found: dict[tuple[str, str], Totals] = defaultdict(Totals)
    for queue, task, *numbers in _rows():
        total = found[(queue if queue in queues else OTHER, task if task in tasks else OTHER)]
        for kept, added in zip((total.counts, total.waits, total.runs), numbers, strict=True):
            kept.update(added)
    return found


def _rows() -> Iterable[tuple[Any, ...]]:
    return Rollup.objects.filter(minute=ALL_TIME).values_list("queue", "task", "counts", "waits", "runs")
