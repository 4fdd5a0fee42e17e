"""Registers with `manage.py verify`: every death has its letter, every letter its death."""

from collections.abc import Iterator

from django.db.models import Count, Exists, OuterRef, Q

from dlq.models import DeadLetter, Group, Resolution
from jobs.domain.states import State
from jobs.models import Job
from jobs.verification.findings import Finding, check

CHUNK = 500
_UNDECIDED_OR_DISCARDED = (Resolution.OPEN, Resolution.DISCARDED)


@check("dead_have_letters", "A job is dead exactly when it has a dead letter that was not requeued.")
def deaths_without_letter() -> Iterator[Finding]:
    name = "dead_have_letters"
    standing = DeadLetter.objects.filter(resolution__in=_UNDECIDED_OR_DISCARDED)
    letter = Exists(standing.filter(job=OuterRef("pk")))
    for id_ in Job.objects.filter(state=State.DEAD).exclude(letter).values_list("id", flat=True).iterator(CHUNK):
        yield Finding(name, f"job:{id_}", "is dead, but no dead letter says why")
    stray = standing.exclude(job__state=State.DEAD).values_list("id", "resolution", "job_id", "job__state")
    for id_, resolution, job_id, state in stray.iterator(CHUNK):
        problem = f"has the {resolution} dead letter {id_}, but is {state}"
        yield Finding(name, f"job:{job_id}", problem)
    several = standing.order_by().values_list("job_id").annotate(n=Count("id")).filter(n__gt=1)
    for job_id, count in several.iterator(CHUNK):
        yield Finding(name, f"job:{job_id}", f"has {count} dead letters that were not requeued")


@check("letters_are_resolved", "A dead letter that was decided about says when.")
def odd_letters() -> Iterator[Finding]:
    open_but_resolved = DeadLetter.objects.filter(resolution=Resolution.OPEN, resolved_at__isnull=False)
    resolved_but_undated = DeadLetter.objects.exclude(resolution=Resolution.OPEN).filter(resolved_at__isnull=True)
    for letter in (open_but_resolved | resolved_but_undated).only("id", "resolution", "resolved_at").iterator(CHUNK):
        problem = f"is {letter.resolution}, but its resolved_at is {letter.resolved_at}"
        yield Finding("letters_are_resolved", f"letter:{letter.id}", problem)


@check("groups_add_up", "A group counts the letters that are in it.")
def odd_groups() -> Iterator[Finding]:
    letters_open = Count("letters", filter=Q(letters__resolution=Resolution.OPEN))
    counted = Group.objects.annotate(n_open=letters_open, n_letters=Count("letters"))
    columns = ("fingerprint", "open", "requeued", "discarded", "total", "n_open", "n_letters")
    for print_, is_open, requeued, discarded, total, n_open, n_letters in counted.values_list(*columns).iterator(CHUNK):
        settled = requeued + discarded
        if is_open != n_open or total != is_open + settled or n_letters > total:
            problem = (
                f"counts {is_open} open and {settled} decided of {total}; it has {n_letters} letters, {n_open} open"
            )
            yield Finding("groups_add_up", f"group:{print_}", problem)
