"""Why isn't it running? Each reason in one sentence, the one that decides first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobs import conf
from jobs.broker.heartbeats import Beat
from jobs.domain.states import State
from jobs.intake import registry
from jobs.models import Job, Queue

AHEAD_CAP = 10_000


@dataclass(frozen=True, slots=True)
class Reason:
    """`until`: when it ends by itself. `seconds`: how long that takes, as far as anybody can tell."""

    text: str
    is_problem: bool = False
    until: datetime | None = None
    seconds: float | None = None


def explain(job: Job, *, sample: dict[str, Any] | None, workers: list[Beat] | None, now: datetime) -> list[Reason]:
    if job.cancel_requested_at is not None:
        return [Reason(f"{job.cancel_requested_by} cancelled it; it ends as soon as Redis and the keeper agree.")]
    match job.state:
        case State.SCHEDULED:
            return [Reason("It is scheduled.", until=job.run_at), *_keeper(sample)]
        case State.RETRYING:
            return [Reason(f"Attempt {job.attempt} failed; the next one is due.", until=job.run_at), *_keeper(sample)]
        case State.QUEUED:
            return [
                *_paused(job),
                *_workers(job, workers),
                *_keeper(sample),
                *_published(job, now=now),
                _ahead(job, sample),
            ]
        case _:
            return []


def _paused(job: Job) -> list[Reason]:
    queue = Queue.objects.filter(name=job.queue, paused_at__isnull=False).first()
    if queue is None:
        return []
    said = f": “{queue.paused_reason}”" if queue.paused_reason else ""
    return [Reason(f"{queue.paused_by} paused the queue {queue.name}{said}.", is_problem=True)]


def _workers(job: Job, workers: list[Beat] | None) -> list[Reason]:
    if workers is None:
        return [Reason("Redis can't be reached, so nothing is handed out.", is_problem=True)]
    serving = [beat for beat in workers if job.queue in beat.queues]
    if not serving:
        return [Reason(f"No live worker takes from the queue {job.queue}.", is_problem=True)]
    busy, places = sum(len(beat.running) for beat in serving), sum(beat.concurrency for beat in serving)
    found = [Reason(f"All {places} places of its workers are taken.")] if busy >= places else []
    if registry.find(job.task) is None:
        found.append(Reason(f"The task {job.task} is not known here: no code runs it.", is_problem=True))
    return found


def _keeper(sample: dict[str, Any] | None) -> list[Reason]:
    return (
        []
        if sample
        else [Reason("The keeper is silent, so nothing falls due and nothing is recorded.", is_problem=True)]
    )


def _published(job: Job, *, now: datetime) -> list[Reason]:
    if job.published_at is None or job.queued_at is None:
        return []
    grace = conf.current().REPUBLISH_GRACE_SECONDS
    if (job.published_at - job.queued_at).total_seconds() > grace and (now - job.published_at).total_seconds() < 60:
        return [Reason("Its message was lost and has been published again.")]
    return []


def _ahead(job: Job, sample: dict[str, Any] | None) -> Reason:
    ahead = (
        Job.objects.queued().filter(queue=job.queue, published_at__lt=job.published_at).order_by()[:AHEAD_CAP].count()
    )
    if not ahead:
        return Reason("It is the next in its queue.")
    count = f"{AHEAD_CAP}+" if ahead >= AHEAD_CAP else str(ahead)
    rate = ((sample or {}).get("rates") or {}).get("ended_per_minute")
    seconds = 60 * ahead / rate if rate else None
    return Reason(
        f"{count} {'job is' if ahead == 1 else 'jobs are'} ahead of it in the queue {job.queue}.", seconds=seconds
    )
