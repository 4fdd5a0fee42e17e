"""A worker's host is cut off under load: its jobs run elsewhere, and what it reports when it is back changes nothing."""

# Shows guarantees 1 and 2 of docs/guarantees.md.

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import STACKS
from tests.crash.conftest import QUICK
from tests.support import lan
from tests.support.site import Site
from tests.support.waiting import until

ELSEWHERE_WITHIN_SECONDS = 15.0


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """With the silences of a real system for the long test, and shorter ones for the short."""
    obstacle = lan.obstacle()
    if obstacle:
        pytest.skip(f"{obstacle}.")
    conf = {} if "half_a_minute" in request.node.name else QUICK
    with Site(tmp_path, conf=conf) as site:
        request.node.stash[STACKS] = [site]
        yield site


@pytest.mark.long
@pytest.mark.timeout(400)
def test_the_jobs_of_a_host_that_is_cut_off_run_elsewhere(site: Site) -> None:
    survive_a_partition(site, partition_seconds=8.0, job_seconds=2.0)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_jobs_of_a_host_that_is_cut_off_for_half_a_minute_run_elsewhere_within_15_seconds(site: Site) -> None:
    rerun_after = survive_a_partition(site, partition_seconds=30.0, job_seconds=3.0)
    assert max(rerun_after) < ELSEWHERE_WITHIN_SECONDS


def survive_a_partition(site: Site, *, partition_seconds: float, job_seconds: float) -> list[float]:
    """How long after the cut each job that it hit ran elsewhere."""
    marks = str(site.directory / "marks")
    job_ids = site.submit("mark", 16, marks=marks, seconds=job_seconds)
    until(lambda: len(running_on("worker-b", site, job_ids)) == 4, seconds=60, what="worker-b to be busy")
    site.lan.cut_off("worker-b")
    cut_at, heal_at = datetime.now(UTC), time.monotonic() + partition_seconds
    hit = [attempt["job_id"] for attempt in running_on("worker-b", site, job_ids)]

    def is_time_to_heal() -> bool:
        """The load goes on meanwhile."""
        job_ids.extend(site.submit("mark", 2, marks=marks, seconds=0.1))
        return time.monotonic() > heal_at

    until(is_time_to_heal, seconds=partition_seconds + 30, what="the end of the partition")
    assert running_on("worker-b", site, job_ids) == []
    second = {a["job_id"]: a for a in site.attempts(hit) if a["number"] == 2}
    assert set(second) == set(hit)
    assert {attempt["worker"].partition("@")[0] for attempt in second.values()} == {"worker-a"}
    site.lan.heal("worker-b")
    until(lambda: are_fenced(site.attempts(hit)), seconds=60, what="worker-b's late outcomes to be noted")
    later = site.submit("mark", 16, marks=marks, seconds=job_seconds)
    until(lambda: running_on("worker-b", site, later), seconds=60, what="worker-b to work again")
    site.wait_for_success([*job_ids, *later], seconds=120)
    site.verify()
    return [(datetime.fromisoformat(a["started_at"]) - cut_at).total_seconds() for a in second.values()]


def running_on(worker: str, site: Site, job_ids: list[str]) -> list[dict[str, Any]]:
    return [a for a in site.attempts(job_ids) if a["outcome"] == "running" and a["worker"].startswith(f"{worker}@")]


def are_fenced(attempts: list[dict[str, Any]]) -> bool:
    """The attempts that were cut off are lost, and stay so: what their worker made of them stands beside."""
    return {(a["outcome"], bool(a["late_outcome"])) for a in attempts if a["number"] == 1} == {("lost", True)}
