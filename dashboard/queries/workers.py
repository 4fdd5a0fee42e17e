"""The workers, from their heartbeats; and those that were seen lately and are gone, from the attempts they ran."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from jobs import conf
from jobs.api.queries import moment
from jobs.broker import connections, heartbeats
from jobs.broker.heartbeats import Beat
from jobs.domain.states import Outcome
from jobs.models import Attempt

ORPHANS_SHOWN = 20
_HEAVY_OF_ATTEMPT = ("traceback", "log")
_HEAVY = (*_HEAVY_OF_ATTEMPT, "job__payload", "job__result")


@dataclass(frozen=True, slots=True)
class Worker:
    beat: Beat
    is_live: bool
    seconds_since_beat: float
    is_odd_version: bool

    @property
    def busy(self) -> int:
        return len(self.beat.running)

    @property
    def started_at(self) -> datetime:
        return moment(self.beat.started_ms)

    @property
    def last_beat_at(self) -> datetime:
        return moment(self.beat.at_ms)

    @property
    def state(self) -> str:
        if not self.is_live:
            return "absent"
        return "quiet" if self.beat.is_quiet else "alive"

    @property
    def skew_seconds(self) -> float | None:
        """How far its host's clock is ahead of Redis', which stamps everything; None: an older worker doesn't say."""
        return None if self.beat.host_ms is None else (self.beat.host_ms - self.beat.at_ms) / 1000

    @property
    def is_skewed(self) -> bool:
        return abs(self.skew_seconds or 0.0) > conf.current().SKEW_WARN_SECONDS

    @property
    def megabytes(self) -> float:
        return self.beat.rss_bytes / 1_048_576


@dataclass(frozen=True, slots=True)
class Pool:
    """The live ones first. `lost`: by incarnation, the attempts that ended with their worker. `is_known` False: Redis is away."""

    workers: list[Worker]
    orphans: list[Attempt]
    is_known: bool = True
    lost: dict[str, list[Attempt]] = field(default_factory=dict)

    @property
    def live(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.is_live]

    @property
    def capacity(self) -> int:
        return sum(worker.beat.concurrency for worker in self.live)

    @property
    def busy(self) -> int:
        return sum(worker.busy for worker in self.live)


def read() -> Pool:
    try:
        client = connections.hasty()
        beats, now_ms = heartbeats.all_of(client).values(), connections.redis_ms(client)
    except connections.Unavailable:
        return Pool([], [], is_known=False)
    versions = [beat.version for beat in beats]
    usual = max(set(versions), key=versions.count, default="")
    workers = sorted((_worker(beat, now_ms=now_ms, usual=usual) for beat in beats), key=_order)
    living = [worker.beat.incarnation for worker in workers if worker.is_live]
    orphans = Attempt.objects.filter(outcome=Outcome.RUNNING).exclude(incarnation__in=living).select_related("job")
    return Pool(workers, list(orphans.defer(*_HEAVY)[:ORPHANS_SHOWN]))


def read_with_lost() -> Pool:
    """And what became of the jobs that absent workers ran."""
    pool = read()
    gone = [worker.beat for worker in pool.workers if not worker.is_live]
    ran = [UUID(job_id) for beat in gone for job_id, _attempt, _task in beat.running]
    if not ran:
        return pool
    ended = Attempt.objects.filter(
        job__in=ran, incarnation__in=[beat.incarnation for beat in gone], outcome=Outcome.LOST
    )
    lost: dict[str, list[Attempt]] = {}
    for attempt in ended.defer(*_HEAVY_OF_ATTEMPT):
        lost.setdefault(attempt.incarnation, []).append(attempt)
    return replace(pool, lost=lost)


def _order(worker: Worker) -> tuple[bool, str, float]:
    """The living by name, then who was seen last."""
    return not worker.is_live, worker.beat.name if worker.is_live else "", worker.seconds_since_beat


def live_or_none() -> list[Beat] | None:
    try:
        return heartbeats.live(connections.hasty(), within_seconds=conf.current().RESCUE_AFTER_SECONDS)
    except connections.Unavailable:
        return None


def outcomes_of(name: str) -> dict[str, int]:
    """Of its last thousand attempts, by the index of workers."""
    recent = Attempt.objects.filter(worker=name).order_by("-job_id").values_list("id", flat=True)[:1_000]
    counted = Attempt.objects.filter(id__in=list(recent)).order_by().values_list("outcome").annotate(n=Count("id"))
    return {outcome or "unknown": n for outcome, n in counted}


def recent_attempts(name: str, *, limit: int = 20) -> list[Attempt]:
    found = Attempt.objects.filter(worker=name).select_related("job").order_by("-job_id")
    return list(found.defer("traceback", "log", "error", "job__payload", "job__result")[:limit])


def _worker(beat: Beat, *, now_ms: int, usual: str) -> Worker:
    seconds = max(0.0, (now_ms - beat.at_ms) / 1000)
    is_live = seconds <= conf.current().RESCUE_AFTER_SECONDS
    return Worker(beat, is_live, seconds, is_odd_version=beat.version != usual)


def serving(queue: str, workers: list[Worker]) -> list[Worker]:
    return [worker for worker in workers if worker.is_live and queue in worker.beat.queues]
