"""A steady mix of the sample jobs, about as many as the default pools can run, and fewer while a queue has enough to do."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any
from uuid import uuid4

from django.utils import timezone

from jobs import conf, tasks
from jobs.domain.actors import Actor
from jobs.domain.states import Source
from jobs.intake import registry, submission
from jobs.intake.drafts import Draft
from jobs.models import Job

# Of a hundred jobs, chosen so that pools of 4, 2 and 2 processes are all busy at two and a half jobs a second.
_SHARES: tuple[tuple[str, int], ...] = (
    ("send_email", 40),
    ("process_payment", 15),
    ("process_data", 24),
    ("heavy_task", 8),
    ("noop", 6),
    ("generate_report", 3),
    ("data_pipeline", 2),
    ("always_fails", 2),
)
USUAL_RATE_PER_SECOND = 2.5
WAITING_AT_MOST = 100
_DELAYED_PERCENT = 5
_CUSTOMERS = ("acme", "globex", "initech", "umbrella", "hooli")


@dataclass(slots=True)
class Mix:
    """`submitted` counts the jobs by task; `held_back` names the queues that had enough waiting."""

    actor: Actor
    random: Random
    waiting_at_most: int = WAITING_AT_MOST
    id: str = field(default_factory=lambda: f"demo-{uuid4().hex[:12]}")
    submitted: Counter[str] = field(default_factory=Counter)
    held_back: set[str] = field(default_factory=set)

    def submit(self, count: int) -> int:
        """So many jobs, less those whose queue has enough to do; returns how many were submitted."""
        room = {
            name: self.waiting_at_most - _count_queued(name, self.waiting_at_most) for name in conf.current().QUEUES
        }
        self.held_back = set()
        drafts = list(self._fitting(self._drafts(count), room))
        jobs = submission.submit_many(drafts, actor=self.actor, source=Source.COMMAND) if drafts else []
        self.submitted.update(job.task for job in jobs)
        return len(jobs)

    def _fitting(self, drafts: Iterator[Draft], room: dict[str, int]) -> Iterator[Draft]:
        for draft in drafts:
            queue = registry.get(draft.task).options.queue
            room[queue] -= 1
            if room[queue] < 0:
                self.held_back.add(queue)
            else:
                yield draft

    def _drafts(self, count: int) -> Iterator[Draft]:
        names, shares = zip(*_SHARES, strict=True)
        for name in self.random.choices(names, weights=shares, k=count):
            delay = self.random.uniform(5, 30) if self.random.random() < _DELAYED_PERCENT / 100 else None
            yield Draft(
                task=name,
                payload=self._payload(name),
                run_at=timezone.now() + timedelta(seconds=delay) if delay else None,
                tags=["demo", self.random.choice(_CUSTOMERS)],
                correlation_id=self.id,
            )

    def _payload(self, name: str) -> dict[str, Any]:
        number = self.random.randrange(1, 10_000)
        match name:
            case "send_email":
                return {**tasks.MAIL, "to": f"user{number}@example.com"}
            case "process_payment":
                return {**tasks.PAYMENT, "user_id": f"usr_{number}", "amount": number / 100}
            case "process_data":
                return {"dataset": "events", "rows": number}
            case "heavy_task":
                return {"data": f"sample payload {number}"}
            case "generate_report":
                return {**tasks.REPORT, "user_id": f"usr_{number}"}
            case "data_pipeline":
                return {**tasks.PIPELINE, "record_count": number}
            case "always_fails":
                return {"message": f"order {number} was refused"}
            case _:
                return {"number": number}


def _count_queued(queue: str, at_most: int) -> int:
    return Job.objects.queued().filter(queue=queue)[:at_most].count()
