"""The jobs of a drill: every sample task, some delayed, some cancelled, never more waiting than can soon be run."""

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from jobs import tasks
from jobs.control import cancelling
from jobs.domain.actors import Actor
from jobs.domain.errors import StateConflict
from jobs.domain.states import WAITING, Source
from jobs.intake import submission
from jobs.intake.drafts import Draft
from jobs.models import Job

# How many of each may wait at once: about what its workers run in two seconds.
WAITING_AT_MOST = {"high": 24, "default": 16, "low": 3}
_SHARES: dict[str, list[tuple[str, dict[str, Any], int]]] = {
    "high": [("send_email", tasks.MAIL, 6), ("process_payment", tasks.PAYMENT, 2), ("noop", {"n": 1}, 6)],
    "default": [
        ("process_data", {"dataset": "events", "rows": 1000}, 5),
        ("heavy_task", {"data": "sample payload"}, 1),
        ("noop", {"n": 1}, 8),
        ("always_fails", {"message": "for the dead letters"}, 1),
    ],
    "low": [("generate_report", tasks.REPORT, 2), ("data_pipeline", tasks.PIPELINE, 1), ("noop", {"n": 1}, 3)],
}


@dataclass(slots=True)
class Mix:
    actor: Actor
    random: Random
    id: str = field(default_factory=lambda: f"drill-{uuid4().hex[:12]}")
    submitted: int = 0

    def top_up(self) -> None:
        """Fill every queue to its level; now and then change one's mind about a job."""
        drafts = [draft for queue in _SHARES for draft in self._missing(queue)]
        if not drafts:
            return
        accepted = submission.submit_many(drafts, actor=self.actor, source=Source.COMMAND)
        self.submitted += len(accepted)
        if self.random.random() < 0.2:
            self._cancel(self.random.choice(accepted).id)

    def jobs(self) -> Any:
        return Job.objects.filter(correlation_id=self.id)

    def _missing(self, queue: str) -> list[Draft]:
        waiting = self.jobs().filter(queue=queue, state__in=sorted(WAITING)).count()
        return [self._draft(queue) for _ in range(WAITING_AT_MOST[queue] - waiting)]

    def _draft(self, queue: str) -> Draft:
        shares = _SHARES[queue]
        [(task, payload, _)] = self.random.choices(shares, weights=[share for *_, share in shares])
        delay = self.random.uniform(0.5, 5) if self.random.random() < 0.05 else None
        run_at = timezone.now() + timedelta(seconds=delay) if delay else None
        return Draft(task=task, payload=payload, queue=queue, correlation_id=self.id, run_at=run_at)

    def _cancel(self, job_id: UUID) -> None:
        try:
            cancelling.cancel(job_id, actor=self.actor, reason="drill: on second thought")
        except StateConflict:
            return  # it was faster
