"""Makes adopted messages jobs: same id, same arguments, source `celery`. Call inside the recording transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from jobs.broker import message, publisher
from jobs.domain.journal import Adopted, Failure
from jobs.domain.states import Source, State
from jobs.intake import registry
from jobs.lifecycle import moving
from jobs.lifecycle.recording import database
from jobs.models import Job
from jobs.signals import Buried


def adopt(adopted: Sequence[Adopted]) -> None:
    """Insert what has no row yet; publish what is due after the commit; bury what nobody can read."""
    using = database()
    known = set(Job.objects.using(using).filter(id__in=[a.job_id for a in adopted]).values_list("id", flat=True))
    fresh = {UUID(a.job_id): (a, _job_of(a)) for a in adopted if UUID(a.job_id) not in known}
    Job.objects.using(using).bulk_create([job for _, job in fresh.values()])
    moving.bury_at_birth([_burial(a, job) for a, job in fresh.values() if job.state == State.DEAD], using=using)
    publisher.publish_on_commit([job for _, job in fresh.values() if job.state == State.QUEUED], using=using)


def _job_of(adopted: Adopted) -> Job:
    now = datetime.fromtimestamp(adopted.at_ms / 1000, UTC)
    spec = registry.find(adopted.task)
    run_at = message.stamp(adopted.eta)
    state = State.DEAD if adopted.reason else moving.initial_state(run_at=run_at, now=now)
    queued_at = now if state is State.QUEUED else None
    return Job(
        id=UUID(adopted.job_id),
        task=adopted.task,
        queue=adopted.queue,
        args=list(adopted.args),
        payload=adopted.payload,
        state=state,
        max_retries=spec.max_retries if spec else 0,
        created_at=now,
        run_at=run_at,
        queued_at=queued_at,
        published_at=queued_at,
        expires_at=message.stamp(adopted.expires_at),
        finished_at=now if state is State.DEAD else None,
        error_type="Undecodable" if adopted.reason else "",
        error=str(adopted.payload.get("problem", "")) if adopted.reason else "",
        options={"raw": adopted.raw} if adopted.raw else {},
        sensitive=bool(spec and spec.options.sensitive),
        source=Source.CELERY,
        follows=adopted.follows,
        parent_id=_id(adopted.parent_id),
        root_id=_id(adopted.root_id),
        group_id=adopted.group_id,
        group_index=adopted.group_index,
    )


def _id(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def _burial(adopted: Adopted, job: Job) -> Buried:
    assert adopted.reason is not None  # noqa: S101  (only such jobs are dead at birth)
    return Buried(job, adopted.reason, Failure(job.error_type, job.error), job.created_at)
