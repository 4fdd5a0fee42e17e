"""With TALLY_LOG_FORMAT=json each phase of a job is one line with its ids, in the process where it happens."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.story import Story

TRACED = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from jobs.shortcuts import submit
with TracerProvider().get_tracer("test").start_as_current_span("request") as request:
    job = submit("noop")
answer = [str(job.id), f"{request.get_span_context().trace_id:032x}"]
"""


def phases(text: str, job_id: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("job_id") == job_id and "phase" in line]


def test_every_phase_of_a_job_is_one_line_of_json(fresh: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fresh.environment, "TALLY_LOG_FORMAT", "json")
    submitted = fresh.manage("submit", "noop", "--correlation-id", "order-7")
    job_id = submitted.stdout.splitlines()[0]
    traced_id, trace_id = fresh.call(TRACED)
    keeper, worker = fresh.start_keeper(), fresh.start_worker(concurrency=1)
    fresh.wait_for_ends([job_id, traced_id])
    fresh.stop("keeper")
    told = [
        *phases(submitted.stderr, job_id),
        *phases(Path(worker.log).read_text(encoding="utf-8"), job_id),
        *phases(Path(keeper.log).read_text(encoding="utf-8"), job_id),
    ]
    recorded = [line["state"] for line in told if line["phase"] == "recorded"]
    assert [line["phase"] for line in told[:3]] == ["submitted", "started", "ended"]
    assert recorded[-1] == "succeeded"
    assert {line["correlation_id"] for line in told} == {"order-7"}
    assert {line["attempt"] for line in told[1:]} == {1}
    assert told[2]["outcome"] == "succeeded"
    traced = phases(Path(worker.log).read_text(encoding="utf-8"), traced_id)
    assert {line["trace_id"] for line in traced} == {trace_id}
