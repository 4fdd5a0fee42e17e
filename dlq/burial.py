"""Opens a dead letter for every job that dies, in the transaction that records the death, and counts it in its group."""

from collections import Counter
from collections.abc import Sequence

from dlq import fingerprint, groups
from dlq.groups import Death
from dlq.models import DeadLetter, OperationItem, Resolution
from dlq.models.operation import ItemOutcome, ItemResult
from jobs.intake import registry
from jobs.lifecycle.recording import database
from jobs.signals import Buried


def bury(burials: Sequence[Buried]) -> None:
    """The caller holds the locks of the jobs; those of the groups follow, then everything else is theirs."""
    deaths = [_death(buried) for buried in burials]
    groups.count_deaths(deaths, died_again=_mark_died_again(burials))
    letters = [_letter(buried, death.fingerprint) for buried, death in zip(burials, deaths, strict=True)]
    DeadLetter.objects.using(database()).bulk_create(letters, batch_size=500)


def _death(buried: Buried) -> Death:
    job, failure = buried.job, buried.failure
    spec = registry.find(job.task)
    key = spec.options.fingerprint if spec else ""
    return Death(
        fingerprint=fingerprint.fingerprint(job.task, failure, key=key),
        task=job.task,
        queue=job.queue,
        failure=failure,
        at=buried.at,
    )


def _mark_died_again(burials: Sequence[Buried]) -> Counter[str]:
    """Note it on the letters these jobs were requeued from; returns how many of each group."""
    letters = DeadLetter.objects.using(database())
    requeued = letters.filter(
        job_id__in=[buried.job.id for buried in burials], resolution=Resolution.REQUEUED, died_again_at__isnull=True
    )
    found = dict(requeued.values_list("id", "group_id"))
    if found:
        letters.filter(id__in=found).update(died_again_at=max(buried.at for buried in burials))
        OperationItem.objects.using(database()).filter(letter_id__in=found, outcome=ItemOutcome.DONE).update(
            result=ItemResult.DIED_AGAIN
        )
    return Counter(found.values())


def _letter(buried: Buried, print_: str) -> DeadLetter:
    job, failure = buried.job, buried.failure
    return DeadLetter(
        job=job,
        group_id=print_,
        task=job.task,
        queue=job.queue,
        reason=buried.reason,
        error_type=failure.type[:255],
        error=failure.message,
        traceback=failure.traceback,
        args=job.args,
        payload=job.payload,
        attempts=job.attempt,
        created_at=buried.at,
    )
