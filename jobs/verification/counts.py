"""The books: the rollups must add up to the rows, and the rows to what was submitted."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Count

from jobs.domain.states import Outcome, State
from jobs.lifecycle.pruning import PRUNED
from jobs.models import Attempt, Job, Rollup
from jobs.models.rollup import ALL_TIME
from jobs.verification.findings import Finding, check
from jobs.verification.snapshot import snapshot

_ENDS = (State.SUCCEEDED, State.DEAD, State.CANCELLED, State.EXPIRED)
_CLOSED = tuple(outcome for outcome in Outcome if outcome not in (Outcome.RUNNING, Outcome.SUCCEEDED))

Kind = tuple[str, str]  # queue, task


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where every job that was ever submitted is. `unaccounted`: in no state, or in one that it will not leave."""

    submitted: int
    states: dict[str, int]
    pruned: int
    unaccounted: int

    def __str__(self) -> str:
        parts = [f"{name} {count}" for name, count in self.states.items()]
        return f"submitted {self.submitted} = {' + '.join([*parts, f'pruned {self.pruned}'])} · unaccounted {self.unaccounted}"


def balance(*, stuck: int) -> Ledger:
    """`stuck`: jobs that a check found to be on no way to an end."""
    with snapshot():
        found = dict(Job.objects.order_by().values_list("state").annotate(n=Count("id")))
        pruned = sum(_sum_of(counts, PRUNED) for counts in _all_time().values())
    known = {state.value: found.pop(state, 0) for state in State}
    strangers = sum(found.values())
    return Ledger(
        submitted=sum(known.values()) + strangers + pruned,
        states=known,
        pruned=pruned,
        unaccounted=strangers + stuck,
    )


@check("rollups_add_up", "The counts of all time are those of the rows there are and of the rows that were pruned.")
def wrong_rollups() -> Iterator[Finding]:
    with snapshot():
        counted, there = _all_time(), _of_rows()
    for queue, task in sorted(counted.keys() | there.keys()):
        counts, rows = counted.get((queue, task), Counter()), there.get((queue, task), Counter())
        for name in (*_ENDS, "started", *(f"attempt_{outcome}" for outcome in _CLOSED)):
            said = counts[name] - counts[f"{PRUNED}{name}"] - (counts["requeued"] if name == State.DEAD else 0)
            if said != rows[name]:
                problem = f"counts {said} {name} (pruned ones aside), but there are {rows[name]} rows"
                yield Finding("rollups_add_up", f"rollup:all time:{queue}:{task}", problem)


@check("minutes_add_up", "The counts of the minutes add up to those of all time.")
def wrong_minutes() -> Iterator[Finding]:
    with snapshot():
        counted, minutes = _all_time(), _of_minutes()
    for queue, task in sorted(counted.keys() | minutes.keys()):
        whole, parts = counted.get((queue, task), Counter()), minutes.get((queue, task), Counter())
        for name in sorted(whole.keys() | parts.keys()):
            if whole[name] != parts[name] and not name.startswith(PRUNED):
                problem = f"counts {whole[name]} {name}, but its minutes count {parts[name]}"
                yield Finding("minutes_add_up", f"rollup:all time:{queue}:{task}", problem)


def _all_time() -> dict[Kind, Counter[str]]:
    rows = Rollup.objects.filter(minute=ALL_TIME).values_list("queue", "task", "counts")
    return {(queue, task): Counter(counts) for queue, task, counts in rows}


def _of_minutes() -> dict[Kind, Counter[str]]:
    sums: dict[Kind, Counter[str]] = {}
    rows = Rollup.objects.exclude(minute=ALL_TIME).values_list("queue", "task", "counts")
    for queue, task, counts in rows.iterator(chunk_size=500):
        sums.setdefault((queue, task), Counter()).update(counts)
    return sums


def _of_rows() -> dict[Kind, Counter[str]]:
    sums: dict[Kind, Counter[str]] = {}
    jobs = Job.objects.filter(state__in=_ENDS).order_by().values_list("queue", "task", "state")
    for queue, task, state, count in jobs.annotate(n=Count("id")):
        sums.setdefault((queue, task), Counter())[state] += count
    attempts = Attempt.objects.filter(started_at__isnull=False).order_by()
    for queue, task, outcome, count in attempts.values_list("job__queue", "job__task", "outcome").annotate(
        n=Count("id")
    ):
        kind = sums.setdefault((queue, task), Counter())
        kind["started"] += count
        kind[f"attempt_{outcome}"] += count
    return sums


def _sum_of(counts: Counter[str], prefix: str) -> int:
    """The pruned jobs: by their ends, not by their attempts."""
    return sum(counts[f"{prefix}{end}"] for end in _ENDS)
