"""What a drill has shown: how many were hit, how soon they ran again, and that none was lost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from django.db.models import F

from jobs.domain.states import FINAL, Outcome, State
from jobs.models import Attempt
from taskqueue_project.drill import witness
from taskqueue_project.drill.hazards import Blow


@dataclass(frozen=True, slots=True)
class Rerun:
    """A job that a blow had hit, and how long it took from there to the start of its next attempt."""

    job_id: str
    blow: str
    seconds: float
    noticed_seconds: float
    """Of these, until the loss was known; the rest it waited to be queued, and for a worker."""


@dataclass(frozen=True, slots=True)
class Report:
    seed: int
    database: str
    jobs: int
    blows: dict[str, int]
    kills: int
    losses_rescued: int
    reruns: tuple[Rerun, ...]
    published_again: int
    duplicates_suppressed: int
    duplicate_executions: int
    buried_by_losses: int
    lost: int
    findings: int

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.findings)

    def lines(self) -> list[str]:
        dealt = ", ".join(f"{kind} {count}" for kind, count in sorted(self.blows.items()))
        return [
            f"seed {self.seed} · {self.database} · {self.jobs:,} jobs",
            f"kills {self.kills} · all blows: {dealt}",
            f"losses rescued {self.losses_rescued} · {self._times()}",
            f"messages published again {self.published_again}",
            f"duplicates suppressed {self.duplicates_suppressed} · duplicate executions {self.duplicate_executions}",
            f"buried after too many losses {self.buried_by_losses} · findings of verify {self.findings}",
            f"lost {self.lost}",
        ]

    def _times(self) -> str:
        if not self.reruns:
            return "none had to run again"
        worst = max(self.reruns, key=lambda rerun: rerun.seconds)
        middle = median(rerun.seconds for rerun in self.reruns)
        after = f"job {worst.job_id} after a {worst.blow} was killed, noticed after {worst.noticed_seconds:.1f} s"
        return f"run again after {middle:.1f} s (median), {worst.seconds:.1f} s (worst: {after})"


def unended(jobs: Any) -> int:
    return int(jobs.exclude(state__in=sorted(FINAL)).count())


def published_again(jobs: Any) -> int:
    return int(jobs.filter(published_at__gt=F("queued_at")).count())


def buried_by_losses(jobs: Any) -> int:
    return int(jobs.filter(state=State.DEAD, attempts__number=F("attempt"), attempts__outcome=Outcome.LOST).count())


def losses(jobs: Any) -> "list[Attempt]":
    return list(Attempt.objects.filter(job__in=jobs, outcome=Outcome.LOST).order_by("job_id", "number"))


def reruns(lost: Iterable[Attempt], blows: Sequence[Blow]) -> list[Rerun]:
    found = []
    for attempt in lost:
        following = Attempt.objects.filter(job_id=attempt.job_id, number=attempt.number + 1).first()
        hit = _blow_at(attempt, blows)
        if hit is not None and following is not None and following.started_at is not None:
            seconds = (following.started_at - hit.at).total_seconds()
            noticed = ((attempt.finished_at or hit.at) - hit.at).total_seconds()
            found.append(Rerun(str(attempt.job_id), hit.kind, seconds, noticed))
    return found


def _blow_at(attempt: Attempt, blows: Sequence[Blow]) -> Blow | None:
    ended = attempt.finished_at
    before = [blow for blow in blows if attempt.pid in blow.pids and ended is not None and blow.at <= ended]
    return before[-1] if before else None


def executed_twice(jobs: Any, witness_file: Path | None) -> int:
    """Jobs whose body came to a good end more than once: a witness saw it, or its outcome came late."""
    ids = (str(id_) for id_ in jobs.values_list("id", flat=True).iterator(chunk_size=2000))
    late = Attempt.objects.filter(job__in=jobs, late_outcome=Outcome.SUCCEEDED, job__state=State.SUCCEEDED)
    return len(witness.seen_twice(witness_file, ids) | {str(id_) for id_ in late.values_list("job_id", flat=True)})
