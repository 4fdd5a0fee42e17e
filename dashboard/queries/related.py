"""The jobs that belong together with one: its family, those that share its correlation id, those that died of the same."""

from django.db.models import Q

from dlq.models import DeadLetter
from jobs.models import Job

_COLUMNS = ("id", "task", "queue", "state", "created_at", "parent_id", "root_id", "correlation_id")
_FAMILY, _OTHERS = 40, 10


def find(job: Job, *, group: str | None) -> list[tuple[str, list[Job]]]:
    """Title and members; `group` is the fingerprint of its latest death."""
    jobs = Job.objects.only(*_COLUMNS).exclude(id=job.id)
    up = {id_ for id_ in (job.parent_id, job.root_id) if id_ is not None}
    asked = Q(id__in=up) | Q(parent_id=job.id)
    if job.parent_id is not None:
        asked |= Q(parent_id=job.parent_id)
    family = list(jobs.filter(asked).order_by("id")[:_FAMILY])
    groups = [
        ("Submitted by", [one for one in family if one.id in up]),
        ("Followed by", [one for one in family if one.parent_id == job.id]),
        ("Beside it", [one for one in family if one.parent_id == job.parent_id and one.id not in up and job.parent_id]),
    ]
    if job.chord_id:
        groups.append(("Same chord", list(jobs.filter(chord_id=job.chord_id).order_by("id")[:_OTHERS])))
    if job.correlation_id:
        same = jobs.filter(correlation_id=job.correlation_id).order_by("-id")
        groups.append((f"Same correlation id ({job.correlation_id})", list(same[:_OTHERS])))
    if group:
        letters = DeadLetter.objects.filter(group=group).exclude(job=job).order_by("-id")
        died = list(dict.fromkeys(letters.values_list("job_id", flat=True)[: 2 * _OTHERS]))[:_OTHERS]
        groups.append(("Died of the same", list(jobs.filter(id__in=died).order_by("-id"))))
    return [(title, members) for title, members in groups if members]
