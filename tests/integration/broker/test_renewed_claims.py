"""A worker's heart may renew the claim of an attempt before the child that was given it has claimed it."""

# Shows guarantee 2 of docs/guarantees.md.

from uuid import uuid4

from jobs.broker import claims, connections
from jobs.domain.journal import Executor

CHILD = Executor(worker="worker@test", incarnation="aaaaaaaaaaaaaaaa", pid=4711, beat=5)
SIBLING = Executor(worker="worker@test", incarnation="aaaaaaaaaaaaaaaa", pid=4712, beat=5)


def renew(job_id: str) -> None:
    client = connections.patient()
    with client.pipeline() as pipeline:
        claims.renew(pipeline, client, job_id=job_id, attempt=1, by=CHILD, started_ms=1_000, queued_ms=None)
        pipeline.execute()


def start(job_id: str, by: Executor, token: str) -> int | None:
    client = connections.patient()
    return claims.start(client, job_id=job_id, attempt=1, by=by, token=token, queued_ms=None).won_ms


def test_a_child_wins_the_claim_that_its_parent_has_renewed_for_it() -> None:
    job_id = str(uuid4())
    renew(job_id)
    assert start(job_id, CHILD, "mine") == 1_000


def test_a_claim_renewed_for_one_child_is_not_won_by_its_sibling() -> None:
    job_id = str(uuid4())
    renew(job_id)
    assert start(job_id, SIBLING, "other") is None


def test_a_renewed_claim_is_won_once() -> None:
    job_id = str(uuid4())
    renew(job_id)
    start(job_id, CHILD, "mine")
    assert start(job_id, CHILD, "another message, the same process") is None
