"""A worker of words only: it claims, beats and reports as a real one does, and the test decides when it falls silent."""

from dataclasses import dataclass, field

import redis

from jobs.broker import claims, connections, entries, heartbeats
from jobs.broker.heartbeats import Beat
from jobs.domain.journal import Executor
from jobs.domain.states import Outcome
from jobs.models import Job
from jobs.models.ids import uuid7
from tests import factories


@dataclass
class Worker:
    name: str = "worker@test"
    incarnation: str = field(default_factory=lambda: uuid7().hex[:16])
    counter: int = 1
    running: dict[tuple[str, int], str] = field(default_factory=dict)

    @property
    def client(self) -> redis.Redis:
        return connections.patient()

    @property
    def by(self) -> Executor:
        return Executor(worker=self.name, incarnation=self.incarnation, pid=1, beat=self.counter)

    def start(self, job: Job, attempt: int | None = None) -> bool:
        """Win the claim, as a message for the job's next attempt would make it."""
        number = attempt or job.next_attempt
        answer = claims.start(
            self.client, job_id=str(job.id), attempt=number, by=self.by, token=uuid7().hex, queued_ms=None
        )
        if answer.won_ms is not None:
            self.running[(str(job.id), number)] = job.task
        return answer.won_ms is not None

    def finish(self, job: Job, attempt: int | None = None, *, outcome: Outcome = Outcome.SUCCEEDED) -> bool:
        number = attempt or job.next_attempt
        self.running.pop((str(job.id), number), None)
        ended = factories.ended(job, number, outcome=outcome, by=self.by, result={"by": self.name})
        return claims.finish(
            self.client,
            job_id=str(job.id),
            attempt=number,
            incarnation=self.incarnation,
            outcome=outcome,
            body=entries.ended_body(ended),
        )

    def beat(self) -> None:
        self.counter += 1
        beat = Beat(
            incarnation=self.incarnation,
            counter=self.counter,
            at_ms=connections.redis_ms(self.client),
            name=self.name,
            host="test",
            pid=1,
            queues=("default",),
            concurrency=1,
            version="0",
            started_ms=0,
            rss_bytes=0,
            running=tuple((job_id, number, task) for (job_id, number), task in self.running.items()),
        )
        with self.client.pipeline(transaction=False) as pipeline:
            heartbeats.write(pipeline, beat)
            pipeline.execute()
