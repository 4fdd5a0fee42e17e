"""What other rows say of jobs: keys and chords point at jobs there are, what follows a success was submitted, deeds are recorded."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from uuid import uuid5

from django.db.models import Count, Exists, OuterRef
from django.utils import timezone

from jobs import conf
from jobs.domain.states import State
from jobs.models import Action, Chord, IdempotencyKey, Job
from jobs.verification.findings import Finding, check

CHUNK = 500


@check("keys_answer", "An idempotency key in use points at the job that answered it first.")
def keys_without_job() -> Iterator[Finding]:
    settings = conf.current()
    kept = min(settings.KEEP_FINAL_SECONDS, settings.IDEMPOTENCY_KEPT_SECONDS)
    fresh = IdempotencyKey.objects.filter(created_at__gte=timezone.now() - timedelta(seconds=kept))
    lost = fresh.exclude(Exists(Job.objects.filter(id=OuterRef("job_id"), idempotency_key=OuterRef("key"))))
    for key in lost.order_by("id").iterator(chunk_size=CHUNK):
        problem = f"is what the idempotency key {key.scope}:{key.key} points at, but there is no such job with that key"
        yield Finding("keys_answer", f"job:{key.job_id}", problem)


@check("chords_complete", "The body of a chord is submitted exactly when all of its members have succeeded.")
def incomplete_chords() -> Iterator[Finding]:
    name = "chords_complete"
    kept = timezone.now() - timedelta(seconds=conf.current().KEEP_FINAL_SECONDS)
    body = Exists(Job.objects.filter(id=OuterRef("body_id")))
    for chord in Chord.objects.filter(submitted_at__gte=kept).exclude(body).iterator(chunk_size=CHUNK):
        yield Finding(name, f"job:{chord.body_id}", f"is the body of chord {chord.group_id}, but there is no such job")
    waiting = dict(Chord.objects.filter(submitted_at__isnull=True, size__gt=0).values_list("group_id", "size"))
    done = Job.objects.filter(chord_id__in=Chord.objects.filter(submitted_at__isnull=True).values("group_id"))
    succeeded = done.filter(state=State.SUCCEEDED).order_by().values_list("chord_id").annotate(n=Count("id"))
    for group_id, count in succeeded:
        if count >= waiting.get(group_id, count + 1):
            problem = f"all of its {count} members have succeeded, but its body was not submitted"
            yield Finding(name, f"chord:{group_id}", problem)


@check("successors_exist", "The next step of a chain is submitted with the success of the step before.")
def missing_successors() -> Iterator[Finding]:
    recent = timezone.now() - timedelta(seconds=conf.current().KEEP_FINAL_SECONDS)
    leading = Job.objects.filter(state=State.SUCCEEDED, follows__isnull=False, finished_at__gte=recent)
    childless = leading.exclude(Exists(Job.objects.filter(parent_id=OuterRef("id"))))
    for job in childless.only("id", "follows").iterator(chunk_size=CHUNK):
        follows = job.follows or {}
        for place, _signature in enumerate(follows.get("link", ())):
            yield _missing(job, f"link:{place}")
        if follows.get("chain"):
            yield _missing(job, "chain")


def _missing(job: Job, position: str) -> Finding:
    problem = f"succeeded, but what follows it ({position}, usually job {uuid5(job.id, position)}) was never submitted"
    return Finding("successors_exist", f"job:{job.id}", problem)


@check("cancels_are_recorded", "Who cancelled a job, when and why, is an Action.")
def cancels_without_action() -> Iterator[Finding]:
    ids = Job.objects.filter(cancel_requested_at__isnull=False).order_by("id").values_list("id", flat=True)
    found = ids.iterator(chunk_size=CHUNK)
    while chunk := [f"job:{id_}" for id_ in islice(found, CHUNK)]:
        actions = Action.objects.filter(object__in=chunk, verb__in=["cancel", "purge"])
        recorded = set(actions.values_list("object", flat=True))
        for name in chunk:
            if name not in recorded:
                yield Finding("cancels_are_recorded", name, "was cancelled, but no Action says by whom and why")
